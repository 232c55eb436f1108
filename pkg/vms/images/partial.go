package images

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

const (
	partSuffix   = ".part"
	sourceSuffix = ".part.json"
)

// partial is a download under its temporary name, with what it is a part of in a file beside it.
type partial struct {
	seam seam
	path string // of the finished download
	f    *os.File
	src  source
	at   int64
	safe int64 // bytes that have reached the disk
	h256 hash.Hash
	h512 hash.Hash
}

// syncEvery is how many bytes a loss of power or a kill may cost.
const syncEvery = 32 << 20

// kept is what the file beside the part holds. Bytes beyond Synced may be lost or wrong after a loss of power,
// and an image without a published checksum would be taken for right with them.
type kept struct {
	source
	Synced int64 `json:"synced"`
}

// openPartial takes up what an earlier run left, or begins anew. A part whose source is not known, or is
// another address, is worth nothing.
func openPartial(s seam, path, url string) (*partial, error) {
	p := &partial{seam: s, path: path}
	if p.readSource(); p.src.URL != url {
		p.src, p.safe = source{URL: url, Size: -1}, 0
	}
	err := s.do("create the partial file", func() (err error) {
		p.f, err = os.OpenFile(path+partSuffix, os.O_RDWR|os.O_CREATE, 0o600)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := p.takeUp(); err != nil {
		return nil, errors.Join(err, p.f.Close())
	}
	return p, nil
}

// takeUp goes on after the bytes that are safe. They count for the checksum too, so they are read once more.
func (p *partial) takeUp() error {
	info, err := p.f.Stat()
	if err != nil {
		return err
	}
	if p.src.validator() == "" || info.Size() < p.safe {
		p.safe = 0
	}
	if err := p.f.Truncate(p.safe); err != nil {
		return err
	}
	p.h256, p.h512 = sha256.New(), sha512.New()
	p.at, err = io.Copy(io.MultiWriter(p.h256, p.h512), p.f)
	return err
}

func (p *partial) readSource() {
	var k kept
	raw, err := os.ReadFile(p.path + sourceSuffix)
	if err == nil && json.Unmarshal(raw, &k) == nil {
		p.src, p.safe = k.source, k.Synced
	}
}

func (p *partial) writeSource() error {
	raw, err := json.Marshal(kept{p.src, p.safe})
	if err != nil {
		return err
	}
	return p.seam.do("write its source", func() error { return renameio.WriteFile(p.path+sourceSuffix, raw, 0o600) })
}

// truncate throws the part away, and keeps the file.
func (p *partial) truncate() error {
	p.at, p.safe, p.h256, p.h512 = 0, 0, sha256.New(), sha512.New()
	if err := p.f.Truncate(0); err != nil {
		return err
	}
	_, err := p.f.Seek(0, io.SeekStart)
	return err
}

// keep makes what is there outlive a loss of power.
func (p *partial) keep() error {
	if p.at == p.safe {
		return nil
	}
	if err := p.seam.do("sync the partial file", p.f.Sync); err != nil {
		return err
	}
	p.safe = p.at
	return p.writeSource()
}

// close leaves the part to a later run.
func (p *partial) close() error { return errors.Join(p.keep(), p.f.Close()) }

// begin is told what the server sends, and from where on. It is kept before the first byte is, so that a
// part never has another's source.
func (p *partial) begin(src source, at int64) error {
	if at != p.at {
		if err := p.truncate(); err != nil {
			return err
		}
	}
	if src == p.src {
		return nil
	}
	p.src = src
	return p.writeSource()
}

// Write appends.
func (p *partial) Write(b []byte) (n int, err error) {
	err = p.seam.do("write the partial file", func() error {
		n, err = p.f.Write(b)
		return err
	})
	p.h256.Write(b[:n])
	p.h512.Write(b[:n])
	p.at += int64(n)
	if err == nil && p.at-p.safe >= syncEvery {
		err = p.keep()
	}
	return n, err
}

// sums are the checksums of what is there.
func (p *partial) sums() (sha256, sha512 string) {
	return hex.EncodeToString(p.h256.Sum(nil)), hex.EncodeToString(p.h512.Sum(nil))
}

// finish gives the download its name. After a loss of power it is whole or has not this name.
func (p *partial) finish() error {
	if err := p.seam.do("sync the partial file", p.f.Sync); err != nil {
		return err
	}
	err := p.seam.do("rename the partial file", func() error {
		if err := os.Rename(p.path+partSuffix, p.path); err != nil {
			return err
		}
		return syncDir(filepath.Dir(p.path))
	})
	return errors.Join(err, p.f.Close(), gone(os.Remove(p.path+sourceSuffix)))
}

// discard removes what cannot be resumed.
func (p *partial) discard() error {
	return p.seam.do("remove the partial file", func() error {
		return errors.Join(p.f.Close(), gone(os.Remove(p.path+partSuffix)), gone(os.Remove(p.path+sourceSuffix)))
	})
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// sumsOf reads a finished download.
func sumsOf(path string) (size int64, h256, h512 string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, "", "", err
	}
	defer f.Close()
	a, b := sha256.New(), sha512.New()
	if size, err = io.Copy(io.MultiWriter(a, b), f); err != nil {
		return 0, "", "", fmt.Errorf("cannot read %s: %w", path, err)
	}
	return size, hex.EncodeToString(a.Sum(nil)), hex.EncodeToString(b.Sum(nil)), nil
}
