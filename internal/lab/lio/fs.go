package lio

import (
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"
	"syscall"

	"github.com/waddle-social/waddle/pkg/iscsi"
)

var (
	_ iscsi.FS   = (*Tree)(nil)
	_ iscsi.Host = (*Tree)(nil)
)

func failed(op, p string, err error) error {
	if err == nil {
		return nil
	}
	return &os.PathError{Op: op, Path: p, Err: err}
}

// Mkdir implements iscsi.FS.
func (t *Tree) Mkdir(p string) error {
	t.wait("mkdir", p)
	t.mu.Lock()
	defer t.mu.Unlock()
	return failed("mkdir", p, t.logged(t.mkdir(p), "mkdir", p, ""))
}

func (t *Tree) mkdir(p string) error {
	up, err := t.find(path.Dir(p))
	if err != nil {
		return err
	}
	name := path.Base(p)
	if up.has(name) {
		return syscall.EEXIST
	}
	make := up.kind.maker()
	if make == nil {
		return syscall.EPERM // the item type has no make_group
	}
	return make(t, up, name)
}

// Rmdir implements iscsi.FS.
func (t *Tree) Rmdir(p string) error {
	t.wait("rmdir", p)
	t.mu.Lock()
	defer t.mu.Unlock()
	return failed("rmdir", p, t.logged(t.rmdir(p), "rmdir", p, ""))
}

func (t *Tree) rmdir(p string) error {
	up, err := t.find(path.Dir(p))
	if err != nil {
		return err
	}
	name := path.Base(p)
	d := up.dirs[name]
	switch {
	case d == nil && up.has(name):
		return syscall.ENOTDIR
	case d == nil:
		return syscall.ENOENT
	case d.standard:
		return syscall.EPERM
	}
	if err := d.detachable(); err != nil {
		return err
	}
	t.dropped(d)
	delete(up.dirs, name)
	return nil
}

// detachable is configfs_detach_prep: EBUSY when a link leads to the folder or
// to one of its default groups, ENOTEMPTY when somebody made something in them.
func (d *dir) detachable() error {
	if d.linkedBy > 0 {
		return syscall.EBUSY
	}
	if len(d.links) > 0 {
		return syscall.ENOTEMPTY
	}
	for _, sub := range d.dirs {
		if !sub.standard {
			return syscall.ENOTEMPTY
		}
		if err := sub.detachable(); err != nil {
			return err
		}
	}
	return nil
}

// Symlink implements iscsi.FS.
func (t *Tree) Symlink(target, link string) error {
	t.wait("symlink", link)
	t.mu.Lock()
	defer t.mu.Unlock()
	err := t.symlink(target, link)
	if t.logged(err, "symlink", target, link) != nil {
		return &os.LinkError{Op: "symlink", Old: target, New: link, Err: err}
	}
	return nil
}

func (t *Tree) symlink(target, link string) error {
	up, err := t.find(path.Dir(link))
	if err != nil {
		return err
	}
	if up.has(path.Base(link)) {
		return syscall.EEXIST
	}
	if up.kind != kindLUN && up.kind != kindMapped {
		return syscall.EPERM // the item type has no allow_link
	}
	if !path.IsAbs(target) {
		target = path.Join(path.Dir(link), target)
	}
	to, err := t.find(target)
	if err != nil {
		return err
	}
	if err := t.allowLink(up, to); err != nil {
		return err
	}
	up.links[path.Base(link)] = to
	to.linkedBy++
	return nil
}

// Remove implements iscsi.FS.
func (t *Tree) Remove(link string) error {
	t.wait("unlink", link)
	t.mu.Lock()
	defer t.mu.Unlock()
	return failed("unlink", link, t.logged(t.remove(link), "unlink", link, ""))
}

func (t *Tree) remove(link string) error {
	up, err := t.find(path.Dir(link))
	if err != nil {
		return err
	}
	name := path.Base(link)
	to := up.links[name]
	switch {
	case up.dirs[name] != nil:
		return syscall.EISDIR
	case up.files[name] != nil:
		return syscall.EPERM
	case to == nil:
		return syscall.ENOENT
	}
	dropLink(up, to)
	delete(up.links, name)
	to.linkedBy--
	return nil
}

// ReadFile implements iscsi.FS.
func (t *Tree) ReadFile(p string) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f, err := t.file(p)
	if err != nil {
		return "", failed("open", p, err)
	}
	if f.show == nil {
		return "", failed("open", p, syscall.EACCES)
	}
	return f.show(), nil
}

// WriteFile implements iscsi.FS.
func (t *Tree) WriteFile(p, text string) error {
	t.wait("write", p)
	t.mu.Lock()
	defer t.mu.Unlock()
	f, err := t.file(p)
	switch {
	case err != nil:
		return failed("open", p, err)
	case f.store == nil:
		return failed("open", p, syscall.EACCES)
	case len(text) > 4095: // SIMPLE_ATTR_SIZE
		return failed("write", p, syscall.EINVAL)
	}
	return failed("write", p, t.logged(f.store(text), "write", p, text))
}

func (t *Tree) file(p string) (*file, error) {
	up, err := t.find(path.Dir(p))
	if err != nil {
		return nil, err
	}
	name := path.Base(p)
	switch {
	case up.dirs[name] != nil || up.links[name] != nil:
		return nil, syscall.EISDIR
	case up.files[name] == nil:
		return nil, syscall.ENOENT
	}
	return up.files[name], nil
}

// ReadDir implements iscsi.FS.
func (t *Tree) ReadDir(p string) ([]iscsi.Entry, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	d, err := t.find(p)
	if err != nil {
		return nil, failed("open", p, err)
	}
	var all []iscsi.Entry
	for name := range d.dirs {
		all = append(all, iscsi.Entry{Name: name, Dir: true})
	}
	for name := range d.files {
		all = append(all, iscsi.Entry{Name: name})
	}
	for name := range d.links {
		all = append(all, iscsi.Entry{Name: name, Link: true})
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name })
	return all, nil
}

// Readlink implements iscsi.FS. configfs answers with a relative path.
func (t *Tree) Readlink(link string) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	up, err := t.find(path.Dir(link))
	if err != nil {
		return "", failed("readlink", link, err)
	}
	name := path.Base(link)
	to := up.links[name]
	switch {
	case to != nil:
	case up.dirs[name] != nil || up.files[name] != nil:
		return "", failed("readlink", link, syscall.EINVAL) // readlink(2): there, and no link
	default:
		return "", failed("readlink", link, syscall.ENOENT)
	}
	rel, err := filepath.Rel("/"+up.path(), "/"+to.path())
	return strings.TrimSuffix(rel, "/"), err
}
