package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/waddle-social/waddle/pkg/zfs"
)

// contextProperty is what democratic-csi told Kubernetes of a volume: its
// PersistentVolume has the same, for good, and nodes log in to what it names.
const contextProperty = "democratic-csi:csi_share_volume_context"

// known is where nodes look for a volume.
type known struct {
	Portal  string `json:"portal"`
	Portals string `json:"portals"` // more of them, with commas
	IQN     string `json:"iqn"`
}

// contexts reads where nodes look for the volumes that could be taken over.
func (b *Backend) contexts(ctx context.Context, w *world) (map[zfs.Name]known, error) {
	var targets []zfs.Target
	for _, e := range w.entries {
		if older(e, w) {
			targets = append(targets, e.info.Name)
		}
	}
	found := map[zfs.Name]known{}
	if len(targets) == 0 {
		return found, nil
	}
	infos, err := b.zfs.Get(ctx, []string{contextProperty}, targets...)
	if err != nil && !errors.Is(err, zfs.ErrNotExist) { // one may have gone meanwhile
		return nil, err
	}
	for _, i := range infos {
		var k known
		if json.Unmarshal([]byte(i.User[contextProperty]), &k) == nil { // what is no context says nothing
			found[i.Name] = k
		}
	}
	return found, nil
}

// elsewhere says why nodes would not find a volume any more once its target is
// called iqn and served at our portal alone; empty when they would.
func (b *Backend) elsewhere(k known, iqn string) string {
	const way = "; or make its PersistentVolume anew and take the note of the old one away: zfs inherit " + contextProperty
	if k.IQN != "" && k.IQN != iqn {
		return fmt.Sprintf("its PersistentVolume names target %s, and nodes would look for that in vain: spec.storage.iqnBase has to be what it starts with%s", short(k.IQN), way)
	}
	for _, p := range append(strings.Split(k.Portals, ","), k.Portal) {
		if at, is := portal(strings.TrimSpace(p)); is && at.String() == b.policy.Portal.String() {
			return ""
		}
	}
	if _, is := portal(k.Portal); !is {
		return "" // none, or a name, of which nobody knows here where it leads
	}
	return fmt.Sprintf("its PersistentVolume names portal %s, which would be closed: spec.storage.portal has to be that%s", short(k.Portal), way)
}

// portal reads an address with its port, which the driver leaves out when it is
// iSCSI's own.
func portal(s string) (netip.AddrPort, bool) {
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return netip.AddrPortFrom(a, 3260), true
	}
	at, err := netip.ParseAddrPort(s)
	return at, err == nil
}
