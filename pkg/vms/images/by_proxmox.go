package images

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/waddle-social/waddle/pkg/vms/rest"
)

// byProxmox has the node download. It verifies the checksum before the file gets its name, and takes a file
// of that name that is there already when its checksum is right.
func (c *Cache) byProxmox(ctx context.Context, i Image, want sums, rec Record, there *volume, tell func(Progress)) error {
	algorithm, sum := "sha512", want.sha512
	if sum == "" {
		algorithm, sum = "sha256", want.sha256
	}
	if there != nil && rec.Stage == Filling {
		if err := c.remove(ctx, "remove the unfinished volume", i.Name); err != nil {
			return err
		}
	}
	err := c.seam.do("have Proxmox download", func() error {
		var upid string
		params := url.Values{
			"content": {"import"}, "filename": {i.Name}, "url": {i.URL},
			"checksum": {sum}, "checksum-algorithm": {algorithm}, "verify-certificates": {"1"},
		}
		if err := c.o.API.Do(ctx, http.MethodPost, c.path("/download-url"), params, &upid); err != nil {
			return err
		}
		err := c.o.API.Task(ctx, upid, c.watch(i, tell))
		if err != nil && ctx.Err() != nil {
			c.stop(ctx, upid)
		}
		return err
	})
	if err != nil {
		return c.mismatch(i, algorithm, sum, err)
	}
	v, err := c.look(ctx, i.Name)
	if err == nil && v == nil {
		err = errors.New("it is there as Proxmox says, and is not in its list")
	}
	if err != nil {
		return fmt.Errorf("cannot have the image %s: %w", i.Name, err)
	}
	if tell != nil {
		tell(Progress{Image: i.Name, By: "Proxmox", Done: int64(v.Size), Total: int64(v.Size)})
	}
	if err := c.present(rec, want, int64(v.Size)); err != nil {
		return err
	}
	return c.tidy(i.Name) // an earlier run may have begun to download it here
}

// stop has Proxmox give up the download that nobody waits for any more. It removes its temporary file.
func (c *Cache) stop(ctx context.Context, upid string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := c.o.API.Stop(ctx, upid); err != nil {
		c.o.Log.Warn("a download of Proxmox goes on by itself", "task", upid, "error", err)
	}
}

var (
	gotRE     = regexp.MustCompile(`checksum mismatch: got '([0-9a-f]+)'`)
	percentRE = regexp.MustCompile(`\b([0-9]{1,3})%`)
)

// mismatch knows a wrong checksum by Proxmox's words (PVE::Storage, "checksum mismatch: got … != expect …").
func (c *Cache) mismatch(i Image, algorithm, sum string, err error) error {
	var task *rest.TaskError
	if !errors.As(err, &task) {
		return fmt.Errorf("cannot have Proxmox download %s: %w", i.URL, err)
	}
	said := task.Exit + "\n" + strings.Join(task.Log, "\n")
	if m := gotRE.FindStringSubmatch(said); m != nil {
		e := &ChecksumError{Image: i.Name, URL: i.URL, Algorithm: "SHA-512", Got: m[1], Want: sum, Recorded: algorithm == "sha256"}
		if e.Recorded {
			e.Algorithm = "SHA-256"
		}
		if strings.Contains(said, ", aborting") {
			return fmt.Errorf("%w (it is the file %s that is there already; if it may go: pvesm free %s)", e, c.volume(i.Name), c.volume(i.Name))
		}
		return e
	}
	return fmt.Errorf("cannot have Proxmox download %s: %w", i.URL, err)
}

// watch reads wget's own progress out of the task's log.
func (c *Cache) watch(i Image, tell func(Progress)) func(string) {
	if tell == nil {
		return nil
	}
	return func(line string) {
		p := Progress{Image: i.Name, By: "Proxmox", Done: -1, Total: -1}
		if m := percentRE.FindStringSubmatch(line); m != nil {
			n, _ := strconv.ParseInt(m[1], 10, 64)
			p.Done, p.Total = n, 100
		}
		tell(p)
	}
}

// present records a volume that is whole.
func (c *Cache) present(rec Record, have sums, size int64) error {
	rec.SHA256, rec.SHA512, rec.Size, rec.Stage, rec.At = have.sha256, have.sha512, size, Present, time.Now().UTC()
	return c.record("record the volume", rec)
}

func (c *Cache) record(op string, rec Record) error {
	return c.seam.do(op, func() error { return c.o.Records.Put(rec) })
}
