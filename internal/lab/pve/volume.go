package pve

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// volume is a disk on a storage. Its content is not kept, only what it is.
type volume struct {
	ID     string   `json:"id"` // local-zfs:vm-100-disk-0
	Store  string   `json:"store"`
	VMID   int      `json:"vmid"`
	Size   int64    `json:"size"` // bytes
	Format string   `json:"format"`
	Made   int64    `json:"made"`  // seconds since 1970
	Image  string   `json:"image"` // the image that its content came from, "" for an empty disk
	Base   string   `json:"base"`  // of a linked clone: the template's volume
	Snaps  []string `json:"snaps"` // oldest first
}

// where the kinds of content lie below a dir storage's path.
var contentDirs = map[string]string{"iso": "template/iso", "vztmpl": "template/cache", "import": "import", "snippets": "snippets"}

func splitVolid(id string) (store, name string) {
	store, name, _ = strings.Cut(id, ":")
	return store, name
}

func (s *Server) storage(id string) (*Storage, error) {
	st := s.st.Storages[id]
	switch {
	case st == nil:
		return nil, die("storage '%s' does not exist", id)
	case st.Disabled:
		return nil, die("storage '%s' is disabled", id)
	}
	return st, nil
}

func (st *Storage) has(content string) bool { return slices.Contains(st.Content, content) }

// file is where a file of a dir storage is on this machine, and where the node thinks it is.
func (st *Storage) file(content, name string) (real, shown string) {
	return filepath.Join(st.Root, contentDirs[content], name), path.Join(st.Path, contentDirs[content], name)
}

// kind tells what a volume is by its name: iso, import, vztmpl, snippets or images.
func kind(name string) string {
	first, _, _ := strings.Cut(name, "/")
	if _, ok := contentDirs[first]; ok {
		return first
	}
	return "images"
}

// used is what a storage's disks and files take.
func (s *Server) used(st *Storage) int64 {
	var n int64
	for _, v := range s.st.Volumes {
		if v.Store == st.ID && v.Base == "" {
			n += v.Size
		}
	}
	for _, f := range st.files("") {
		n += f.size
	}
	return n
}

func (s *Server) free(st *Storage) int64 {
	if s.diskFull(st.ID) {
		return 0
	}
	return max(0, st.Capacity-s.used(st))
}

type file struct {
	content, name string
	size, made    int64
}

// files lists a dir storage's files of one kind of content, or of all.
func (st *Storage) files(content string) []file {
	var all []file
	if st.Type != "dir" {
		return nil
	}
	for _, c := range slices.Sorted(maps.Keys(contentDirs)) {
		if content != "" && c != content {
			continue
		}
		dir, _ := st.file(c, "")
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			info, err := e.Info()
			if err == nil && info.Mode()&fs.ModeType == 0 && !strings.Contains(e.Name(), ".tmp_dwnl.") {
				all = append(all, file{c, e.Name(), info.Size(), info.ModTime().Unix()})
			}
		}
	}
	return all
}

// newVolume finds a name for a disk and records it. Server.mu is held.
func (s *Server) newVolume(st *Storage, vmid int, size int64, format, name string) (*volume, error) {
	if !st.has("images") {
		return nil, die("Content type 'images' is not available on storage '%s'", st.ID)
	}
	if format == "" || st.Type == "zfspool" {
		format = "raw"
	}
	for n := 0; name == ""; n++ {
		try := fmt.Sprintf("vm-%d-disk-%d", vmid, n)
		if !s.taken(st, vmid, try) {
			name = try
		}
	}
	full := name
	if st.Type == "dir" {
		full = fmt.Sprintf("%d/%s.%s", vmid, name, format)
	}
	v := &volume{ID: st.ID + ":" + full, Store: st.ID, VMID: vmid, Size: size, Format: format, Made: s.now().Unix()}
	if s.st.Volumes[v.ID] != nil {
		if st.Type == "zfspool" {
			return nil, fmt.Errorf("zfs error: cannot create '%s/%s': dataset already exists", st.Pool, name)
		}
		return nil, fmt.Errorf("disk image '%s' already exists", path.Join(st.Path, "images", full))
	}
	if size > s.free(st) {
		return nil, st.full(full, v.Format)
	}
	s.st.Volumes[v.ID] = v
	return v, nil
}

func (s *Server) taken(st *Storage, vmid int, name string) bool {
	for id, v := range s.st.Volumes {
		_, have := splitVolid(id)
		if i := strings.LastIndexByte(have, '/'); i >= 0 {
			have = have[i+1:]
		}
		have, _, _ = strings.Cut(have, ".")
		if v.Store == st.ID && v.VMID == vmid && (have == name || have == "base"+strings.TrimPrefix(name, "vm")) {
			return true
		}
	}
	return false
}

func (st *Storage) full(name, format string) error {
	if st.Type == "zfspool" {
		return fmt.Errorf("zfs error: cannot create '%s/%s': out of space", st.Pool, name)
	}
	shown := path.Join(st.Path, "images", name)
	return fmt.Errorf("unable to create image: qemu-img: %s: Could not resize file: No space left on device (format %s)", shown, format)
}

// freeVolume removes a disk. It is no error when it is gone. Server.mu is held.
func (s *Server) freeVolume(id string) error {
	for _, v := range s.st.Volumes {
		if v.Base == id {
			return fmt.Errorf("base volume '%s' is still in use by linked cloned", id)
		}
	}
	delete(s.st.Volumes, id)
	return nil
}

// rename gives a volume another id; linked clones of it follow.
func (s *Server) rename(v *volume, id string) {
	delete(s.st.Volumes, v.ID)
	for _, other := range s.st.Volumes {
		if other.Base == v.ID {
			other.Base = id
		}
	}
	v.ID = id
	s.st.Volumes[id] = v
}
