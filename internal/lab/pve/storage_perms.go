package pve

import "strings"

// mayStorage checks what the drives of a call want from the storages.
func (s *Server) mayStorage(r *request, vmid int, config map[string]string, standard string) error {
	for _, opt := range drives(config) {
		d := mustDrive(opt, config[opt])
		m := newDisk.FindStringSubmatch(d["file"])
		switch {
		case d["file"] == "none" || d.cloudinit():
		case d["file"] == "cdrom":
			if err := s.need(r.user, "/", "Sys.Console"); err != nil {
				return err
			}
		case m != nil && d["media"] != "cdrom":
			if err := s.mayAllocate(r, m[1], standard); err != nil {
				return err
			}
		default:
			if err := s.mayTouch(r.user, vmid, d["file"]); err != nil {
				return err
			}
			_, name := splitVolid(d["file"])
			if k := kind(name); !strings.HasPrefix(d["file"], "/") && k != "images" && k != "iso" {
				return wrongParam(opt, "content type needs to be 'images' or 'iso'")
			}
		}
		if err := s.mayImport(r, vmid, opt, d["import-from"]); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) mayAllocate(r *request, store, standard string) error {
	if store == "" {
		store = standard
	}
	if store == "" {
		return die("no storage ID specified (and no default storage)")
	}
	if err := s.need(r.user, "/storage/"+store, "Datastore.AllocateSpace"); err != nil {
		return err
	}
	st := s.st.Storages[store]
	if st == nil {
		return die("storage '%s' does not exist", store)
	}
	if !st.has("images") {
		return wrongParam("storage", "storage '%s' does not support vm images", store)
	}
	return nil
}

func (s *Server) mayImport(r *request, vmid int, opt, from string) error {
	if from == "" {
		return nil
	}
	store, name := splitVolid(from)
	if !strings.HasPrefix(from, "/") {
		if s.st.Storages[store] == nil {
			return die("storage '%s' does not exist", store)
		}
		if k := kind(name); k != "images" && k != "import" {
			return wrongParam(opt, "%s has wrong type '%s' - needs to be 'images' or 'import'", from, k)
		}
	}
	if v := s.st.Volumes[from]; v != nil {
		return s.need(r.user, vmPath(v.VMID), "VM.Clone")
	}
	return s.mayTouch(r.user, vmid, from)
}
