package images

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/renameio/v2"
)

// Record is what is kept of an image. Its checksum stays when the volume goes.
type Record struct {
	Name   string    `json:"name"`
	URL    string    `json:"url"`
	SHA256 string    `json:"sha256,omitempty"` // of the first download, for an image without a published checksum
	SHA512 string    `json:"sha512,omitempty"` // that was verified
	Size   int64     `json:"size,omitempty"`   // bytes
	Stage  Stage     `json:"stage"`
	At     time.Time `json:"at"` // of the last change
}

// Stage is how far an image is.
type Stage string

const (
	Known   Stage = "known"   // its checksum is, the volume is not there
	Filling Stage = "filling" // the volume is being made: what has its name is ours, and may be unfinished
	Present Stage = "present" // the volume is whole
)

// Records keeps what is known of images. Put must have reached the disk when it returns.
type Records interface {
	All() (map[string]Record, error) // by name
	Put(Record) error
	Delete(name string) error
}

// File is Records in one JSON file, replaced atomically.
type File struct {
	Path string
	mu   sync.Mutex
}

// All is empty when there is no file yet.
func (f *File) All() (map[string]Record, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.read()
}

func (f *File) read() (map[string]Record, error) {
	all := map[string]Record{}
	raw, err := os.ReadFile(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &all)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the record of images %s: %w; if it is damaged, move it away: each image is then verified or fetched anew", f.Path, err)
	}
	return all, nil
}

// Put adds or replaces a record.
func (f *File) Put(r Record) error {
	return f.change(func(all map[string]Record) { all[r.Name] = r })
}

// Delete forgets a record.
func (f *File) Delete(name string) error {
	return f.change(func(all map[string]Record) { delete(all, name) })
}

func (f *File) change(edit func(map[string]Record)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	all, err := f.read()
	if err != nil {
		return err
	}
	before := maps.Clone(all)
	if edit(all); maps.Equal(before, all) {
		return nil
	}
	raw, err := json.MarshalIndent(all, "", "  ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(f.Path), 0o700)
	}
	if err == nil {
		err = renameio.WriteFile(f.Path, append(raw, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("cannot write the record of images %s: %w", f.Path, err)
	}
	return nil
}
