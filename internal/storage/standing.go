package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/pkg/zfs"
)

// identity is what a volume and its target are found by. Each PersistentVolume
// names it for good, and a node goes on asking for it; as long as there are
// volumes, it is not the document's to change.
type identity struct {
	dataset platform.Dataset
	base    platform.IQN
	portal  netip.AddrPort
}

func identityOf(p *platform.Platform) identity {
	s := p.Spec.Storage
	return identity{dataset: s.Dataset, base: s.IQNBase, portal: s.Portal}
}

// under is p with another identity.
func (i identity) under(p *platform.Platform) *platform.Platform {
	p = p.Clone()
	p.Spec.Storage.Dataset, p.Spec.Storage.IQNBase, p.Spec.Storage.Portal = i.dataset, i.base, i.portal
	return p
}

// record is the platform that the storage was last served with. It is there as
// long as phase 1's storage steps are applied.
type record struct {
	text     []byte
	platform *platform.Platform
}

// The file of the record.
func (m Machine) servedFile() string { return filepath.Join(m.Keys, "served") }

func (s *Service) wanted() bool {
	_, err := os.Stat(s.o.Machine.servedFile())
	return err == nil
}

// recorded returns the platform of the record; nil when there is none, or none
// that can be read: then there is the document alone.
func (s *Service) recorded() *platform.Platform {
	text, err := os.ReadFile(s.o.Machine.servedFile())
	if err != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !bytes.Equal(text, s.record.text) {
		p, err := platform.Parse(s.o.Machine.servedFile(), text)
		if err != nil {
			p = nil
		}
		s.record = record{text: text, platform: p}
	}
	return s.record.platform
}

const recordHead = "# The storage is served with this platform, also while /etc/waddle/platform.yaml cannot be read.\n# Written by waddled; waddle phase undo 1 removes it.\n"

// note records that the storage is served with p.
func (s *Service) note(p *platform.Platform) error {
	text, err := platform.Marshal(p)
	if err != nil {
		return err
	}
	text = append([]byte(recordHead), text...)
	path := s.o.Machine.servedFile()
	if is, err := os.ReadFile(path); err == nil && bytes.Equal(is, text) {
		return nil
	}
	if err := s.o.Machine.seam("storage:served"); err != nil {
		return err
	}
	if err = os.MkdirAll(filepath.Dir(path), 0o700); err == nil {
		err = renameio.WriteFile(path, text, 0o600)
	}
	if err != nil {
		return fmt.Errorf("cannot note what the storage is served with: %w", err)
	}
	return nil
}

// unnote ends that the storage is served.
func (s *Service) unnote() error {
	if !s.wanted() {
		return nil
	}
	if err := s.o.Machine.seam("storage:served"); err != nil {
		return err
	}
	if err := os.Remove(s.o.Machine.servedFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot note that the storage is not served: %w", err)
	}
	return nil
}

// document returns the document as it is now. One that cannot be read is no
// reason to leave volumes without targets: then it is the record, and unread says
// what is wrong with the document.
func (s *Service) document() (p *platform.Platform, unread, err error) {
	p, err = s.o.Platform()
	if err == nil {
		return p, nil, nil
	}
	if was := s.recorded(); was != nil {
		return was, err, nil
	}
	return nil, nil, err
}

// Platform returns the document as it is now, with what it may not change as it
// is in use. Without a document it is the one that the storage is served with.
func (s *Service) Platform() (*platform.Platform, error) {
	p, _, err := s.document()
	if err != nil {
		return nil, err
	}
	return s.inUse(p), nil
}

// inUse is p with the identity that the storage is served with.
func (s *Service) inUse(p *platform.Platform) *platform.Platform {
	if was := s.recorded(); was != nil && identityOf(was) != identityOf(p) {
		return identityOf(was).under(p)
	}
	return p
}

// Portal is where the targets of a platform are served: where they are in use as
// long as there are volumes, whatever the document says.
func (s *Service) Portal(p *platform.Platform) netip.AddrPort { return s.inUse(p).Spec.Storage.Portal }

// standing returns the platform that the storage has to be as under the document
// p: p itself, unless it would give volumes that are there another identity. Then
// that stays, and the conflicts say so.
func (s *Service) standing(ctx context.Context, p *platform.Platform) (*platform.Platform, []engine.Difference, error) {
	was := s.inUse(p)
	if identityOf(was) == identityOf(p) {
		return p, nil, nil
	}
	b, err := s.open(was)
	if err != nil {
		return nil, nil, err
	}
	exported, all, err := b.bound(ctx)
	if err != nil {
		return nil, nil, b.noZFS(err)
	}
	var ds []engine.Difference
	old, new := identityOf(was), identityOf(p)
	for _, c := range []struct {
		path, is, want, what string
		volumes              int
	}{
		{"dataset", string(old.dataset), string(new.dataset), "in the old one", all},
		{"iqnBase", string(old.base), string(new.base), "exported under the old one", exported},
		{"portal", old.portal.String(), new.portal.String(), "exported at the old one", exported},
	} {
		if c.is != c.want && c.volumes > 0 {
			ds = append(ds, engine.Difference{Kind: engine.Conflict, Object: "spec.storage." + c.path, Is: c.is, Want: c.want,
				Note: fmt.Sprintf("%s %s, and PersistentVolumes and nodes know them by it: put %s back into the document, or delete the volumes first (waddle storage volumes)",
					counted(c.volumes, "volume is", "volumes are"), c.what, c.is)})
		}
	}
	if len(ds) == 0 {
		return p, nil, nil
	}
	return was, ds, nil
}

// bound counts the volumes that a change of the targets' names or of the portal
// would lose, and those that a change of the dataset would, detached snapshots
// among them. Only zfs is asked: after a boot there is no kernel target yet.
func (b *Backend) bound(ctx context.Context) (exported, all int, err error) {
	listing, err := b.zfs.List(ctx, b.zfs.Root().Dataset(), properties, zfs.Volumes)
	if errors.Is(err, zfs.ErrNotExist) {
		// Of a pool that is not imported yet zfs says the same.
		if _, err := b.zfs.Pool(ctx); err != nil {
			return 0, 0, fmt.Errorf("cannot tell whether there are volumes below %s: %w", b.zfs.Root(), err)
		}
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	w := &world{}
	for _, i := range listing.Items {
		if below, _, _ := strings.Cut(i.Name.Relative(), "/"); below != detachedChild {
			if err := w.add(b, i); err != nil {
				return 0, 0, err
			}
		}
	}
	for _, e := range w.entries {
		if e.managed {
			exported++
		}
	}
	return exported, len(listing.Items) + len(listing.Skipped), nil
}
