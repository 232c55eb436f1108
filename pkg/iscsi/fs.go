package iscsi

import (
	"errors"
	"io/fs"
	"os"
)

// FS is the part of a file system that configfs needs. Errors carry the kernel's
// errno (errors.Is with a syscall.Errno).
type FS interface {
	Mkdir(path string) error
	Rmdir(path string) error
	Symlink(target, link string) error
	Remove(link string) error
	ReadFile(path string) (string, error)
	WriteFile(path, text string) error
	ReadDir(path string) ([]Entry, error)
	Readlink(link string) (string, error)
}

// Entry is one entry of a folder.
type Entry struct {
	Name string
	Dir  bool
	Link bool
}

// OS is the kernel's configfs.
type OS struct{}

// Mkdir implements FS.
func (OS) Mkdir(path string) error { return os.Mkdir(path, 0o755) }

// Rmdir implements FS. os.Remove would try unlink first, which configfs answers
// with an error of its own.
func (OS) Rmdir(path string) error { return rmdir(path) }

// Symlink implements FS.
func (OS) Symlink(target, link string) error { return os.Symlink(target, link) }

// Remove implements FS.
func (OS) Remove(link string) error { return unlink(link) }

// ReadFile implements FS.
func (OS) ReadFile(path string) (string, error) {
	b, err := os.ReadFile(path)
	return string(b), err
}

// WriteFile implements FS. The file is never created: in configfs it comes with
// its folder or the kernel does not know it. One write(2) is one store.
func (OS) WriteFile(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// ReadDir implements FS.
func (OS) ReadDir(path string) ([]Entry, error) {
	found, err := os.ReadDir(path)
	entries := make([]Entry, 0, len(found))
	for _, e := range found {
		entries = append(entries, Entry{Name: e.Name(), Dir: e.IsDir(), Link: e.Type()&fs.ModeSymlink != 0})
	}
	return entries, err
}

// Readlink implements FS.
func (OS) Readlink(link string) (string, error) { return os.Readlink(link) }
