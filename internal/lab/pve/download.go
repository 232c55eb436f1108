package pve

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

var extensions = map[string]*regexp.Regexp{
	"iso":    regexp.MustCompile(`(?i)^[^/]+\.(iso|img)$`),
	"vztmpl": regexp.MustCompile(`^[^/]+\.tar\.(gz|xz|zst)$`),
	"import": regexp.MustCompile(`^[a-zA-Z0-9_.\-+=:~]+\.(ova|ovf|qcow2|raw|vmdk)$`),
}

func hasher(algorithm string) hash.Hash {
	switch algorithm {
	case "md5":
		return md5.New()
	case "sha1":
		return sha1.New()
	case "sha224":
		return sha256.New224()
	case "sha256":
		return sha256.New()
	case "sha384":
		return sha512.New384()
	}
	return sha512.New()
}

// incoming checks where a file is to go: the storage, its content types and the file's name.
func (s *Server) incoming(r *request, refusal string) (st *Storage, name string, err error) {
	if st, err = s.storage(r.text("storage")); err != nil {
		return nil, "", err
	}
	content := r.text("content")
	if st.Type != "dir" {
		return nil, "", die("can't upload to storage type '%s', not a file based storage!", st.Type)
	}
	if !st.has(content) {
		return nil, "", die(refusal, st.ID, content)
	}
	name = strings.Map(func(c rune) rune {
		if strings.ContainsRune(" \t\"'\\;&|", c) {
			return '_'
		}
		return c
	}, path.Base(r.text("filename")))
	if !extensions[content].MatchString(name) {
		if content == "import" {
			return nil, "", wrongParam("filename", "invalid filename or wrong extension")
		}
		return nil, "", wrongParam("filename", "wrong file extension")
	}
	return st, name, nil
}

func (s *Server) download(r *request) (any, error) {
	st, name, err := s.incoming(r, "storage '%s' is not configured for content-type '%s'")
	if err != nil {
		return nil, err
	}
	if r.p.Has("compression") && r.text("content") != "iso" {
		return nil, die("decompression not supported for %s", r.text("content"))
	}
	content, url, algorithm, want := r.text("content"), r.text("url"), r.text("checksum-algorithm"), strings.ToLower(r.text("checksum"))
	return r.start("download", strings.ReplaceAll(name, ":", "_"), func(j *job) error {
		real, shown := st.file(content, name)
		j.logf("downloading %s to %s", url, shown)
		if _, err := os.Stat(real); err == nil {
			return j.already(real, shown, algorithm, want)
		}
		tmp := real + fmt.Sprintf(".tmp_dwnl.%d", j.task.PID)
		err := j.fetch(st, url, tmp)
		if err == nil && want != "" {
			err = j.verify(tmp, algorithm, want, "")
		}
		if err == nil {
			err = j.step("rename", 0)
		}
		if err == nil {
			err = os.Rename(tmp, real)
		}
		if err != nil {
			return errors.Join(err, gone(os.Remove(tmp)))
		}
		j.logf("download of '%s' to '%s' finished", url, shown)
		return nil
	})
}

func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// already: a file of that name is there. With the right checksum it is taken for the download.
func (j *job) already(real, shown, algorithm, want string) error {
	if want == "" {
		return fmt.Errorf("refusing to override existing file '%s'", shown)
	}
	return j.verify(real, algorithm, want, ", aborting")
}

func (j *job) verify(real, algorithm, want, then string) error {
	if err := j.step("checksum", 0); err != nil {
		return err
	}
	f, err := os.Open(real)
	if err != nil {
		return err
	}
	defer f.Close()
	h := hasher(algorithm)
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		return fmt.Errorf("checksum mismatch: got '%s' != expect '%s'%s", got, want, then)
	}
	j.logf("calculating checksum...OK, checksum verified")
	return nil
}

func (j *job) fetch(st *Storage, url, tmp string) error {
	if err := j.step("download", 0); err != nil {
		return err
	}
	failed := func(code int) error {
		return fmt.Errorf("download failed: command '/usr/bin/wget --progress=dot:giga -O %s %s' failed: exit code %d", filepath.Base(tmp), url, code)
	}
	req, err := http.NewRequestWithContext(j.ctx, http.MethodGet, url, nil)
	if err != nil {
		return failed(1)
	}
	res, err := j.s.o.HTTP.Do(req)
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("got interrupted by signal")
	}
	if err != nil {
		return failed(4)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return failed(8)
	}
	j.s.mu.Lock()
	room := j.s.free(st)
	j.s.mu.Unlock()
	if err := os.MkdirAll(filepath.Dir(tmp), 0o755); err != nil {
		return err
	}
	f, err := os.Create(tmp)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, io.LimitReader(res.Body, room+1))
	err = errors.Join(err, f.Close())
	if j.ctx.Err() != nil {
		return fmt.Errorf("got interrupted by signal")
	}
	if n > room {
		return failed(3) // wget's code for "no space left"
	}
	if err != nil || res.ContentLength >= 0 && n != res.ContentLength {
		return failed(4)
	}
	return nil
}
