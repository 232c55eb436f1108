package vms

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/waddle-social/waddle/pkg/vms/rest"
)

type storageStatus struct {
	Content string   `json:"content"`
	Avail   rest.Int `json:"avail"` // bytes
	Enabled rest.Int `json:"enabled"`
	Active  rest.Int `json:"active"`
	Type    string   `json:"type"`
}

// room looks, before anything is made, whether the storages are there, take what is
// to be put on them, and have room for it.
func (d *Driver) room(ctx context.Context, s Spec) error {
	need := map[string]int64{} // GiB
	for _, disk := range s.Disks {
		need[disk.Storage] += int64(disk.Size)
	}
	return d.usable(ctx, s, need)
}

// usable looks whether the storages are there and take what is to be put on them, and
// have so many GiB free.
func (d *Driver) usable(ctx context.Context, s Spec, need map[string]int64) error {
	for _, disk := range s.Disks {
		if from, _, on := strings.Cut(disk.Image, ":"); on && strings.Contains(disk.Image, ":import/") {
			if err := d.fits(ctx, from, "import", 0); err != nil {
				return err
			}
		}
	}
	for _, storage := range storagesOf(s.drives()) {
		if err := d.fits(ctx, storage, "images", need[storage]); err != nil {
			return err
		}
	}
	return nil
}

func (d *Driver) fits(ctx context.Context, storage, content string, gib int64) error {
	var st storageStatus
	if err := d.api.get(ctx, d.api.nodePath("/storage/"+url.PathEscape(storage)+"/status"), &st); err != nil {
		var e *Error
		if errors.As(err, &e) && (e.Kind == KindRefused || e.Kind == KindInvalid) && strings.Contains(e.Detail, "storage") {
			return fail(KindStorage, err, hints[KindStorage], "storage %s cannot be used: %s", storage, e.Detail)
		}
		return err
	}
	switch {
	case st.Enabled == 0 || st.Active == 0:
		return fail(KindStorage, nil, hints[KindStorage], "storage %s is disabled, or not mounted", storage)
	case !slices.Contains(strings.Split(st.Content, ","), content):
		return fail(KindContent, nil, hints[KindContent], "storage %s does not take %s, only %s", storage, content, st.Content)
	case int64(st.Avail) < gib<<30:
		return fail(KindFull, nil, hints[KindFull], "storage %s has %d GiB free, and the disks take %d GiB", storage, st.Avail>>30, gib)
	}
	return nil
}
