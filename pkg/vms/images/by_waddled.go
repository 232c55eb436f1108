package images

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// byWaddled downloads here, and uploads what was verified. What is uploaded is recorded as ours before, so
// that a run that was killed is known by it.
func (c *Cache) byWaddled(ctx context.Context, i Image, want sums, rec Record, there *volume, tell func(Progress)) error {
	got, size, err := c.download(ctx, i, want, tell)
	if err != nil {
		return err
	}
	if i.SHA512 != "" {
		got.sha256 = ""
	}
	if there != nil {
		if err := c.remove(ctx, "remove the unfinished volume", i.Name); err != nil {
			return err
		}
	}
	rec.SHA256, rec.SHA512, rec.Size, rec.Stage, rec.At = got.sha256, got.sha512, size, Filling, time.Now().UTC()
	if i.SHA512 == "" {
		rec.SHA512 = ""
	}
	if err := c.record("record the checksum", rec); err != nil {
		return err
	}
	if err := c.upload(ctx, i, got, size); err != nil {
		return err
	}
	if err := c.present(rec, sums{rec.SHA256, rec.SHA512}, size); err != nil {
		return err
	}
	return c.tidy(i.Name)
}

// download has the verified file under its own name in the directory of downloads.
func (c *Cache) download(ctx context.Context, i Image, want sums, tell func(Progress)) (got sums, size int64, err error) {
	if err := os.MkdirAll(c.o.Dir, 0o700); err != nil {
		return got, 0, fmt.Errorf("cannot download %s: %w", i.URL, err)
	}
	// A run that was killed after the download has left it whole; only its source says that it is this one.
	size, got.sha256, got.sha512, err = sumsOf(c.local(i.Name))
	if err == nil && want.known() && verify(i, want, got) == nil {
		return got, size, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return got, 0, err
	}
	d := &downloader{
		client: onlyHTTPS(c.o.HTTP), seam: c.seam, first: c.o.First, stall: c.o.Stall, attempts: c.o.Tries, pause: c.o.Pause, tell: tell,
		room: func(need, more int64) error { return c.room(ctx, need, more) },
	}
	return d.fetch(ctx, i, want, c.local(i.Name))
}

// upload hands the file over. Proxmox verifies it before it gets its name.
func (c *Cache) upload(ctx context.Context, i Image, got sums, size int64) error {
	f, err := os.Open(c.local(i.Name))
	if err != nil {
		return fmt.Errorf("cannot upload %s: %w", i.Name, err)
	}
	defer f.Close()
	algorithm, sum := "sha256", got.sha256
	if sum == "" {
		algorithm, sum = "sha512", got.sha512
	}
	err = c.seam.do("upload the volume", func() error {
		upid, err := c.o.API.Upload(ctx, c.path("/upload"), [][2]string{{"content", "import"}, {"checksum-algorithm", algorithm}, {"checksum", sum}}, i.Name, f, size)
		if err != nil {
			return err
		}
		return c.o.API.Task(ctx, upid, nil)
	})
	if err != nil {
		return fmt.Errorf("cannot upload the image %s to the storage %s: %w", i.Name, c.o.Storage, err)
	}
	return nil
}

// spare is left on the disk of the downloads, where waddled's state is too.
const spare = 256 << 20

// room refuses a download of which the rest, more bytes, does not fit here, or the whole, need bytes, not
// into the storage.
func (c *Cache) room(ctx context.Context, need, more int64) error {
	free, err := c.o.Free(c.o.Dir)
	if err != nil {
		return fmt.Errorf("how much is free in %s: %w", c.o.Dir, err)
	}
	if more > free-spare {
		return fmt.Errorf("it needs %s more and %s are free in %s, of which %s stay free: make room there, or run waddle image prune",
			bytesText(more), bytesText(free), c.o.Dir, bytesText(spare))
	}
	avail, err := c.status(ctx)
	if err != nil {
		return err
	}
	if need > avail {
		return fmt.Errorf("it needs %s and %s are free in the storage %s: make room there, or run waddle image prune", bytesText(need), bytesText(avail), c.o.Storage)
	}
	return nil
}

func bytesText(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
