package images

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/waddle-social/waddle/pkg/vms/rest"
)

// volume is what Proxmox says of a file in the storage.
type volume struct {
	Volid string
	Size  rest.Int
	Ctime rest.Int // seconds since 1970
}

func (c *Cache) path(rest string) string {
	return "/nodes/" + url.PathEscape(c.o.Node) + "/storage/" + url.PathEscape(c.o.Storage) + rest
}

// ErrNoImport is the cause when the storage takes no images.
var ErrNoImport = errors.New("the storage takes no disk images for import")

// status checks that the storage takes images, and says how many bytes are free.
func (c *Cache) status(ctx context.Context) (avail int64, err error) {
	var s struct {
		Content         string
		Avail           rest.Int
		Active, Enabled rest.Int
	}
	if err := c.o.API.Do(ctx, http.MethodGet, c.path("/status"), nil, &s); err != nil {
		return 0, fmt.Errorf("cannot look at the storage %s: %w", c.o.Storage, err)
	}
	types := strings.FieldsFunc(s.Content, func(r rune) bool { return r == ',' || r == ' ' })
	if !slices.Contains(types, "import") {
		slices.Sort(types)
		return 0, fmt.Errorf("cannot use the storage %s: %w: its content types are %s; run: pvesm set %s --content %s", c.o.Storage, ErrNoImport,
			strings.Join(types, ","), c.o.Storage, strings.Join(append(types, "import"), ","))
	}
	if s.Enabled == 0 || s.Active == 0 {
		return 0, fmt.Errorf("cannot use the storage %s: it is disabled or not mounted; see: pvesm status", c.o.Storage)
	}
	return int64(s.Avail), nil
}

// look finds an image's volume; nil means that there is none.
func (c *Cache) look(ctx context.Context, name string) (*volume, error) {
	list, err := c.volumes(ctx)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(list, func(v volume) bool { return v.Volid == c.volume(name) })
	if at < 0 {
		return nil, nil
	}
	return &list[at], nil
}

func (c *Cache) volumes(ctx context.Context) ([]volume, error) {
	if _, err := c.status(ctx); err != nil {
		return nil, err
	}
	var list []volume
	if err := c.o.API.Do(ctx, http.MethodGet, c.path("/content"), url.Values{"content": {"import"}}, &list); err != nil {
		return nil, fmt.Errorf("cannot list the images in the storage %s: %w", c.o.Storage, err)
	}
	return list, nil
}

// remove deletes a volume that is ours. Gone already is as good.
func (c *Cache) remove(ctx context.Context, op, name string) error {
	err := c.seam.do(op, func() error {
		var upid string
		if err := c.o.API.Do(ctx, http.MethodDelete, c.path("/content/"+url.PathEscape(c.volume(name))), nil, &upid); err != nil {
			return err
		}
		if upid == "" { // a small file is gone at once
			return nil
		}
		return c.o.API.Task(ctx, upid, nil)
	})
	if err == nil {
		return nil
	}
	if there, lookErr := c.look(ctx, name); lookErr == nil && there == nil {
		var refused *rest.Error
		var failed *rest.TaskError
		if errors.As(err, &refused) || errors.As(err, &failed) {
			return nil
		}
	}
	return fmt.Errorf("cannot remove the image %s: %w", c.volume(name), err)
}
