package pve

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
)

// upload moves what the call brought to where it belongs, in a task as Proxmox does.
func (s *Server) upload(r *request) (any, error) {
	st, name, err := s.incoming(r, "storage '%s' does not support '%s' content")
	if err != nil {
		return nil, err
	}
	if r.file == "" {
		return nil, die("missing temporary file name")
	}
	// The call's own file goes when the call ends, before the task runs.
	mine := r.file + ".task"
	if err := os.Rename(r.file, mine); err != nil {
		return nil, err
	}
	content, algorithm, want := r.text("content"), r.text("checksum-algorithm"), strings.ToLower(r.text("checksum"))
	return r.start("imgcopy", "", func(j *job) error {
		real, shown := st.file(content, name)
		j.logf("starting file import from: /var/tmp/%s", filepath.Base(r.file))
		err := j.step("copy", 0)
		if err == nil && want != "" {
			err = j.verify(mine, algorithm, want, "")
		}
		if err == nil {
			err = j.room(st, mine)
		}
		if err == nil {
			err = errors.Join(os.MkdirAll(filepath.Dir(real), 0o755), move(mine, real))
		}
		if err != nil {
			return errors.Join(err, gone(os.Remove(mine)))
		}
		j.logf("finished file import successfully: %s", shown)
		return nil
	})
}

// move is a rename, or a copy where the storage is on another disk.
func move(from, to string) error {
	if err := os.Rename(from, to); !errors.Is(err, syscall.EXDEV) {
		return err
	}
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	tmp := to + ".tmp_upload"
	out, err := os.Create(tmp)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, f)
	if err = errors.Join(err, out.Close()); err == nil {
		err = os.Rename(tmp, to)
	}
	if err != nil {
		return errors.Join(err, gone(os.Remove(tmp)))
	}
	return os.Remove(from)
}

func (j *job) room(st *Storage, file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	j.s.mu.Lock()
	defer j.s.mu.Unlock()
	if info.Size() > j.s.free(st) {
		return fmt.Errorf("import failed: No space left on device")
	}
	return nil
}

// urlMetadata asks a server about a file without fetching it.
func (s *Server) urlMetadata(r *request) (any, error) {
	var res *http.Response
	err := r.unlocked(func() error {
		req, err := http.NewRequestWithContext(r.ctx, http.MethodHead, r.text("url"), nil)
		if err != nil {
			return err
		}
		res, err = s.o.HTTP.Do(req)
		return err
	})
	if err != nil {
		return nil, die("invalid server response: '500 %s'", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, die("invalid server response: '%s'", res.Status)
	}
	m := map[string]any{"filename": path.Base(res.Request.URL.Path)}
	if res.ContentLength >= 0 {
		m["size"] = res.ContentLength
	}
	if t := res.Header.Get("Content-Type"); t != "" {
		m["mimetype"] = t
	}
	return m, nil
}
