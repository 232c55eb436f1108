package images

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// Prune removes the volumes and downloads that waddled has brought, except those that keep names and those in
// use, and returns what it removed. Checksums stay known. What fails does not keep it from the others.
func (c *Cache) Prune(ctx context.Context, keep ...string) (removed []Cached, err error) {
	list, err := c.List(ctx)
	if err != nil {
		return nil, err
	}
	var failed []error
	for _, i := range list {
		if !i.Ours || slices.Contains(keep, i.Name) || !c.tryClaim(i.Name) {
			continue
		}
		err := c.prune(ctx, i)
		c.mu.Lock()
		c.unclaim(i.Name)
		c.mu.Unlock()
		if err != nil {
			failed = append(failed, err)
			continue
		}
		removed = append(removed, i)
	}
	return removed, errors.Join(append(failed, c.settle(list))...)
}

// settle corrects the records of volumes that are gone: a run that was killed after it had removed one, or an
// operator.
func (c *Cache) settle(list []Cached) error {
	all, err := c.o.Records.All()
	if err != nil {
		return err
	}
	for name, r := range all {
		there := slices.ContainsFunc(list, func(i Cached) bool { return i.Name == name && i.ID != "" })
		if r.Stage == Known || there || !c.tryClaim(name) {
			continue
		}
		r.Stage, r.At = Known, time.Now().UTC()
		err := c.record("forget the volume", r)
		c.mu.Lock()
		c.unclaim(name)
		c.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// tryClaim claims an image that nobody uses or changes.
func (c *Cache) tryClaim(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, busy := c.busy[name]; busy || c.used[name] > 0 {
		return false
	}
	c.busy[name] = struct{}{}
	return true
}

func (c *Cache) prune(ctx context.Context, i Cached) error {
	if i.ID == "" {
		return c.tidy(i.Name)
	}
	if err := c.remove(ctx, "have Proxmox delete", i.Name); err != nil {
		return err
	}
	all, err := c.o.Records.All()
	if err != nil {
		return err
	}
	r := all[i.Name]
	r.Stage, r.At = Known, time.Now().UTC()
	return c.record("forget the volume", r)
}

// Forget lets the next download of an image have another content than the first one had. Its volume has to
// be gone: see Prune.
func (c *Cache) Forget(ctx context.Context, name string) error {
	all, err := c.o.Records.All()
	if err != nil {
		return err
	}
	r, known := all[name]
	if !known {
		return fmt.Errorf("cannot forget the image %s: waddled knows none of that name: %w", name, os.ErrNotExist)
	}
	if !c.tryClaim(name) {
		return fmt.Errorf("cannot forget the image %s: it is in use", name)
	}
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.unclaim(name)
	}()
	if r.Stage != Known {
		if err := c.prune(ctx, Cached{Name: name, ID: c.volume(name)}); err != nil {
			return err
		}
	}
	if err := c.tidy(name); err != nil {
		return err
	}
	return c.seam.do("forget the volume", func() error { return c.o.Records.Delete(name) })
}
