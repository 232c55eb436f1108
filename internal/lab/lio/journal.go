package lio

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
)

// record is one change that succeeded. It holds CHAP secrets as the kernel's
// memory would; the file is root's alone.
type record struct {
	Op string `json:"op"`
	A  string `json:"a"`
	B  string `json:"b,omitempty"`
}

// logged writes a change that succeeded to the journal and passes err on.
func (t *Tree) logged(err error, op, a, b string) error {
	if err != nil || t.journal == nil {
		return err
	}
	return json.NewEncoder(t.journal).Encode(record{Op: op, A: a, B: b})
}

// replay makes all changes of the journal again. A line that was cut short is
// the last: its change was never answered.
func (t *Tree) replay(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	reader := bufio.NewReader(f)
	var good int64
	for {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return errors.Join(err, f.Close())
		}
		var r record
		if json.Unmarshal(line, &r) != nil {
			break
		}
		t.again(r)
		good += int64(len(line))
	}
	if err := f.Truncate(good); err != nil {
		return errors.Join(err, f.Close())
	}
	if _, err := f.Seek(good, io.SeekStart); err != nil {
		return errors.Join(err, f.Close())
	}
	t.journal = f
	return nil
}

// again makes one change. What fails now (a device that is gone) would be gone
// from the kernel as well.
func (t *Tree) again(r record) {
	switch r.Op {
	case "mkdir":
		_ = t.mkdir(r.A)
	case "rmdir":
		_ = t.rmdir(r.A)
	case "symlink":
		_ = t.symlink(r.A, r.B)
	case "unlink":
		_ = t.remove(r.A)
	case "write":
		if f, err := t.file(r.A); err == nil && f.store != nil {
			_ = f.store(r.B)
		}
	}
}
