package pve

import (
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"
)

const cloudinitSize = 4 << 20

// checkDrives looks at the drives of a call as Proxmox does before any work: the special syntax of
// import-from, and that an ISO says that it is one.
func checkDrives(config map[string]string) error {
	for _, opt := range drives(config) {
		d, err := parseDrive(opt, config[opt])
		if err != nil {
			return wrongParam(opt, "unable to parse drive options")
		}
		m := newDisk.FindStringSubmatch(d["file"])
		if d["import-from"] != "" {
			if size, _ := strconv.ParseFloat(last(m), 64); m == nil || size != 0 {
				return wrongParam(opt, "'import-from' requires special syntax - use <storage ID>:0,import-from=<source>")
			}
			if opt == "tpmstate0" && d["version"] == "" {
				return wrongParam(opt, "need to specify 'version' when using 'import-from'")
			}
			if opt == "efidisk0" && d["efitype"] == "" {
				return wrongParam(opt, "need to specify 'efitype' when using 'import-from'")
			}
		}
		_, name := splitVolid(d["file"])
		if m == nil && kind(name) == "iso" && d["media"] != "cdrom" {
			return wrongParam(opt, "explicit 'media=cdrom' is required for iso images")
		}
	}
	return nil
}

func last(m []string) string {
	if m == nil {
		return ""
	}
	return m[len(m)-1]
}

// makeDisks makes what the drives ask for: new disks, imports, the cloud-init drive. It returns the
// drives as they are kept. What was made is in made, also when it fails.
func (j *job) makeDisks(vmid int, config map[string]string, standard string, made *[]string) (map[string]string, error) {
	out := map[string]string{}
	for _, opt := range drives(config) {
		d := mustDrive(opt, config[opt])
		m := newDisk.FindStringSubmatch(d["file"])
		var err error
		switch {
		case d["file"] == "none" || d["file"] == "cdrom":
		case d.cloudinit():
			err = j.makeCloudinit(vmid, opt, d, standard, made)
		case m != nil && d["import-from"] != "":
			err = j.importDisk(vmid, opt, d, or(m[1], standard), made)
		case m != nil:
			gibs, _ := strconv.ParseFloat(m[2], 64)
			err = j.emptyDisk(vmid, opt, d, or(m[1], standard), int64(gibs*gib), made)
		default:
			err = j.existing(d)
		}
		if err != nil {
			return nil, err
		}
		out[opt] = d.print(opt)
	}
	return out, nil
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// alloc makes one volume under the storage's lock.
func (j *job) alloc(store string, vmid int, size int64, format, name string, made *[]string) (*volume, error) {
	unlock, err := j.lockStorage(store)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := j.step("allocate", j.s.o.Timing.Allocate); err != nil {
		return nil, err
	}
	var v *volume
	err = j.with(func() error {
		st, err := j.s.storage(store)
		if err != nil {
			return err
		}
		if v, err = j.s.newVolume(st, vmid, size, format, name); err == nil {
			*made = append(*made, v.ID)
		}
		return err
	})
	return v, err
}

func (j *job) emptyDisk(vmid int, opt string, d drive, store string, size int64, made *[]string) error {
	switch opt { // their sizes are fixed
	case "efidisk0":
		size = 4 << 20
	case "tpmstate0":
		size = 4 << 20
	}
	v, err := j.alloc(store, vmid, size, d["format"], "", made)
	if err != nil {
		return err
	}
	d.hold(v)
	j.logf("%s: successfully created disk '%s,size=%s'", opt, v.ID, formatSize(v.Size))
	return nil
}

// hold makes the drive that of a volume.
func (d drive) hold(v *volume) {
	d["file"], d["size"] = v.ID, formatSize(v.Size)
	delete(d, "import-from")
	delete(d, "format")
}

func (j *job) importDisk(vmid int, opt string, d drive, store string, made *[]string) error {
	size, image, err := j.source(d["import-from"])
	if err != nil {
		return err
	}
	v, err := j.alloc(store, vmid, size, d["format"], "", made)
	if err != nil {
		return err
	}
	j.logf("transferred 0.0 B of %s (0.00%%)", formatSize(size))
	if err := j.step("import", j.copying(size)); err != nil {
		return err
	}
	j.logf("transferred %s of %s (100.00%%)", formatSize(size), formatSize(size))
	d.hold(v)
	j.logf("%s: successfully created disk '%s,size=%s'", opt, v.ID, formatSize(v.Size))
	return j.with(func() error { v.Image = image; return nil })
}

// source looks at what is to be imported: its size in bytes, and the name of its image.
func (j *job) source(from string) (int64, string, error) {
	j.s.mu.Lock()
	defer j.s.mu.Unlock()
	if v := j.s.st.Volumes[from]; v != nil {
		return v.Size, v.Image, nil
	}
	store, name := splitVolid(from)
	st := j.s.st.Storages[store]
	if st == nil || st.Type != "dir" || kind(name) == "images" {
		return 0, "", fmt.Errorf("could not get size of %s", from)
	}
	if !st.has(kind(name)) {
		return 0, "", fmt.Errorf("%s: content type '%s' is not available on storage '%s'", from, kind(name), store)
	}
	real, shown := st.file(kind(name), path.Base(name))
	size, err := imageSize(real, shown)
	if os.IsNotExist(err) {
		return 0, "", fmt.Errorf("cannot import from '%s' - qemu-img: Could not open '%s': No such file or directory", from, shown)
	}
	if err != nil {
		return 0, "", fmt.Errorf("cannot import from '%s' - %w", from, err)
	}
	return size, path.Base(name), nil
}

func (j *job) makeCloudinit(vmid int, opt string, d drive, standard string, made *[]string) error {
	store, name := splitVolid(d["file"])
	if d["file"] == "cloudinit" {
		store, name = standard, "cloudinit"
	}
	if name != "cloudinit" { // it is there already
		d["media"] = "cdrom"
		return nil
	}
	v, err := j.alloc(store, vmid, cloudinitSize, d["format"], fmt.Sprintf("vm-%d-cloudinit", vmid), made)
	if err != nil {
		return err
	}
	d["file"], d["media"] = v.ID, "cdrom"
	delete(d, "format")
	j.logf("%s: successfully created disk '%s,media=cdrom'", opt, v.ID)
	return nil
}

// existing: a drive that names a volume or an ISO that should be there.
func (j *job) existing(d drive) error {
	if strings.HasPrefix(d["file"], "/") {
		return nil
	}
	j.s.mu.Lock()
	defer j.s.mu.Unlock()
	store, name := splitVolid(d["file"])
	st, err := j.s.storage(store)
	if err != nil {
		return err
	}
	if v := j.s.st.Volumes[d["file"]]; v != nil {
		if !d.cdrom() {
			d["size"] = formatSize(v.Size)
		}
		return nil
	}
	if kind(name) != "images" && st.Type == "dir" {
		real, _ := st.file(kind(name), path.Base(name))
		if info, err := os.Stat(real); err == nil {
			d["size"] = formatSize(info.Size())
			return nil
		}
	}
	return fmt.Errorf("volume %s does not exist", d["file"])
}

// drop removes what a task that failed had made.
func (j *job) drop(made []string) {
	_ = j.with(func() error {
		for _, id := range made {
			_ = j.s.freeVolume(id)
		}
		return nil
	})
}
