package images

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/waddle-social/waddle/pkg/vms/rest"
)

// Options say what the cache works on.
type Options struct {
	API     *rest.Client
	Node    string // of the storage
	Storage string // a file storage with the content type import
	Dir     string // of downloads that are under way, on a disk of this host; made when missing
	Records Records
	HTTP    *http.Client                // for downloads of our own, default http.DefaultClient
	Stall   time.Duration               // without a byte a server is given up, default 1 minute
	First   time.Duration               // until a server answers, default 10 minutes: the factory builds an image when it is asked for it
	Tries   int                         // of a download, default 4
	Pause   time.Duration               // before the second try, default 2 s; doubles
	Free    func(string) (int64, error) // bytes that may be written to a directory's disk; default statfs
	Seam    func(op string) error       // passed by every side effect; may be nil
	Log     *slog.Logger
}

// Cache is the images in one storage. It is safe for use by many at once in one process.
type Cache struct {
	o    Options
	seam seam

	mu     sync.Mutex
	used   map[string]int      // by those who make VMs
	busy   map[string]struct{} // being fetched or removed
	waiter chan struct{}       // closed when busy shrinks
}

// New makes a cache. Nothing is asked or written yet.
func New(o Options) *Cache {
	if o.HTTP == nil {
		o.HTTP = http.DefaultClient
	}
	if o.Stall == 0 {
		o.Stall = time.Minute
	}
	if o.First == 0 {
		o.First = 10 * time.Minute
	}
	if o.Tries == 0 {
		o.Tries = 4
	}
	if o.Pause == 0 {
		o.Pause = 2 * time.Second
	}
	if o.Free == nil {
		o.Free = statfs
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Cache{o: o, seam: o.Seam, used: map[string]int{}, busy: map[string]struct{}{}, waiter: make(chan struct{})}
}

func statfs(dir string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return int64(s.Bavail) * s.Bsize, nil
}

// Use is an image that a VM is made of: Prune leaves it alone until Release.
type Use struct {
	ID      string // of the volume, for import-from: local:import/NAME
	Image   Image
	release func()
}

// Release is called once the VM has its own copy. Calling it again does nothing.
func (u *Use) Release() { u.release() }

// Ensure has the image in the storage, whole and verified, and returns it as in use. Two who want the same
// one wait for one fetch. tell may be nil.
func (c *Cache) Ensure(ctx context.Context, i Image, tell func(Progress)) (*Use, error) {
	if err := i.check(); err != nil {
		return nil, err
	}
	if err := c.claim(ctx, i.Name); err != nil {
		return nil, fmt.Errorf("cannot have the image %s: %w", i.Name, err)
	}
	err := c.ensure(ctx, i, tell)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unclaim(i.Name)
	if err != nil {
		return nil, err
	}
	c.used[i.Name]++
	return &Use{ID: c.volume(i.Name), Image: i, release: sync.OnceFunc(func() { c.released(i.Name) })}, nil
}

func (c *Cache) released(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.used[name]--; c.used[name] == 0 {
		delete(c.used, name)
	}
}

// claim makes the caller the only one who changes an image.
func (c *Cache) claim(ctx context.Context, name string) error {
	for {
		c.mu.Lock()
		_, taken := c.busy[name]
		if !taken {
			c.busy[name] = struct{}{}
		}
		wait := c.waiter
		c.mu.Unlock()
		if !taken {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-wait:
		}
	}
}

// unclaim is called with the lock held.
func (c *Cache) unclaim(name string) {
	delete(c.busy, name)
	close(c.waiter)
	c.waiter = make(chan struct{})
}

func (c *Cache) volume(name string) string { return c.o.Storage + ":import/" + name }

func (c *Cache) local(name string) string { return filepath.Join(c.o.Dir, name) }

func (c *Cache) ensure(ctx context.Context, i Image, tell func(Progress)) error {
	all, err := c.o.Records.All()
	if err != nil {
		return err
	}
	rec := all[i.Name]
	if rec.Name != "" && rec.URL != i.URL && i.SHA512 == "" {
		rec.SHA256 = "" // of something else
	}
	want := sums{sha256: rec.SHA256, sha512: i.SHA512}
	if i.SHA512 != "" {
		want.sha256 = ""
	}
	there, err := c.look(ctx, i.Name)
	if err != nil {
		return err
	}
	if there != nil && rec.Stage == Present && int64(there.Size) == rec.Size && (i.SHA512 == "" || i.SHA512 == rec.SHA512) {
		return c.tidy(i.Name)
	}
	rec.Name, rec.URL = i.Name, i.URL
	return c.fetch(ctx, i, want, rec, there, tell)
}

// tidy removes what a killed run has left of a download whose volume is whole.
func (c *Cache) tidy(name string) error {
	for _, suffix := range []string{"", partSuffix, sourceSuffix} {
		if _, err := os.Stat(c.local(name) + suffix); err != nil {
			continue
		}
		if err := c.seam.do("remove the download", func() error { return gone(os.Remove(c.local(name) + suffix)) }); err != nil {
			return fmt.Errorf("cannot remove the download of %s: %w", name, err)
		}
	}
	return nil
}

// fetch tries Proxmox first when there is a checksum to give it. What Proxmox cannot fetch is fetched here,
// which goes on where it broke off and says better what is wrong.
func (c *Cache) fetch(ctx context.Context, i Image, want sums, rec Record, there *volume, tell func(Progress)) error {
	theirs := there != nil && rec.Stage != Filling
	if theirs && !want.known() {
		return fmt.Errorf("cannot have the image %s: %s is there already, and waddled has not put it there; if you did, remove it with: pvesm free %s", i.Name, c.volume(i.Name), c.volume(i.Name))
	}
	// A file that we have not put there is held against the checksum, and never replaced.
	if want.known() && (theirs || !c.begun(i.Name)) {
		err := c.byProxmox(ctx, i, want, rec, there, tell)
		var sum *ChecksumError
		if err == nil || ctx.Err() != nil || errors.As(err, &sum) || theirs {
			return err
		}
		c.o.Log.Warn("Proxmox cannot fetch an image: waddled does", "image", i.Name, "error", err)
	}
	return c.byWaddled(ctx, i, want, rec, there, tell)
}

// begun reports whether there is a download of our own to go on with.
func (c *Cache) begun(name string) bool {
	for _, suffix := range []string{"", partSuffix} {
		if info, err := os.Stat(c.local(name) + suffix); err == nil && info.Size() > 0 {
			return true
		}
	}
	return false
}
