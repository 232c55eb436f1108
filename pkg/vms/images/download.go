package images

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"syscall"
	"time"
)

// downloader fetches one file at a time to a path of its own.
type downloader struct {
	client   *http.Client
	seam     seam
	room     func(need, more int64) error // refuses a file of need bytes, of which more are still to come
	first    time.Duration                // until the server answers: the factory builds an image only now
	stall    time.Duration                // without a byte: the server is given up
	attempts int                          // in all, each going on where the last one ended
	pause    time.Duration                // before the second attempt; doubles
	tell     func(Progress)
}

// sums is what a download must be: of each that is known, exactly that.
type sums struct{ sha256, sha512 string }

func (s sums) known() bool { return s.sha256 != "" || s.sha512 != "" }

// magic is what every qcow2 image begins with (QEMU docs/interop/qcow2.txt).
var magic = []byte("QFI\xfb")

var errNoImage = errors.New("what the server sends is no qcow2 image")

// begins tells whether a file begins as an image does.
func begins(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, len(magic))
	_, err = io.ReadFull(f, head)
	return err == nil && bytes.Equal(head, magic)
}

// fetch downloads, verifies and names the file at path. A part that can be resumed stays under its temporary
// name; everything else is removed on an error.
func (d *downloader) fetch(ctx context.Context, i Image, want sums, path string) (got sums, size int64, err error) {
	p, err := openPartial(d.seam, path, i.URL)
	if err != nil {
		return got, 0, fmt.Errorf("cannot write %s: %w", path+partSuffix, explain(err))
	}
	for {
		resumed := p.at > 0
		if err := d.all(ctx, i, p); err != nil {
			if p.at == 0 || p.src.validator() == "" {
				return got, 0, errors.Join(err, p.discard())
			}
			return got, 0, errors.Join(err, p.close())
		}
		if !begins(path + partSuffix) { // an empty answer is an answer too
			return got, 0, errors.Join(fmt.Errorf("cannot download %s: %w", i.URL, errNoImage), p.discard())
		}
		got.sha256, got.sha512 = p.sums()
		err := verify(i, want, got)
		if err == nil {
			break
		}
		if !resumed {
			return got, 0, errors.Join(err, p.discard())
		}
		// A part of an earlier run may be to blame: once more, from the beginning.
		if err := p.truncate(); err != nil {
			return got, 0, errors.Join(err, p.discard())
		}
	}
	size = p.at
	if err := p.finish(); err != nil {
		return got, 0, fmt.Errorf("cannot keep %s: %w", path, explain(err))
	}
	return got, size, nil
}

// all is attempts until everything is there.
func (d *downloader) all(ctx context.Context, i Image, p *partial) error {
	pause := d.pause
	for n := 1; ; n++ {
		err := d.once(ctx, i, p)
		if err == nil || ctx.Err() != nil {
			return err
		}
		var again restartError
		if errors.As(err, &again) {
			err = errors.Join(err, p.truncate())
		}
		var never permanentError
		if errors.As(err, &never) || n >= d.attempts {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
			pause *= 2
		}
	}
}

func (d *downloader) once(ctx context.Context, i Image, p *partial) (err error) {
	if p.src.Size >= 0 && p.at == p.src.Size {
		return nil // only the name was missing
	}
	fail := func(err error) error { return fmt.Errorf("cannot download %s: %w", i.URL, err) }
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silent := func(d time.Duration) *time.Timer {
		return time.AfterFunc(d, func() { cancel(fmt.Errorf("the server has sent nothing for %s", d)) })
	}
	first := silent(d.first)
	defer first.Stop()
	res, src, at, err := ask(ctx, d.client, p.src, p.at)
	first.Stop()
	dog := silent(d.stall)
	defer dog.Stop()
	if err != nil {
		return fail(why(ctx, err))
	}
	defer res.Body.Close()
	if src.Size >= 0 {
		if err := d.room(src.Size, src.Size-at); err != nil {
			return fail(permanent(err))
		}
	}
	if err := p.begin(src, at); err != nil {
		return fail(permanent(explain(err)))
	}
	m := newMeter(i.Name, src, p.at, d.tell)
	if err := d.copy(res.Body, p, m, dog); err != nil {
		return fail(why(ctx, err))
	}
	m.say(time.Now())
	if src.Size >= 0 && p.at < src.Size {
		return fail(fmt.Errorf("it ends after %d of %d bytes", p.at, src.Size))
	}
	return nil
}

// why names the reason of our own for giving up, if there was one.
func why(ctx context.Context, err error) error {
	var never permanentError
	if c := context.Cause(ctx); c != nil && !errors.As(err, &never) {
		return c
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the server hung up before the end")
	}
	return err
}

func (d *downloader) copy(body io.Reader, p *partial, m *meter, dog *time.Timer) error {
	buf := make([]byte, 256<<10)
	for {
		n, err := body.Read(buf)
		if n > 0 {
			dog.Reset(d.stall)
			if p.at == 0 && n >= len(magic) && !bytes.HasPrefix(buf, magic) {
				return permanent(errNoImage)
			}
			if p.src.Size >= 0 && p.at+int64(n) > p.src.Size {
				return restart(fmt.Errorf("the server sends more than the %d bytes that it announced", p.src.Size))
			}
			if _, err := p.Write(buf[:n]); err != nil {
				return permanent(explain(err))
			}
			m.add(n)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// explain says what to do about a full disk.
func explain(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: make room there, or run waddle image prune", err)
	}
	return err
}
