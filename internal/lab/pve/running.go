package pve

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/waddle-social/waddle/internal/lab/pve/schema"
)

// image is what the VM boots from: the image of the first disk in the boot order, or of the first disk.
func (s *Server) image(v *vm) (name, volid string) {
	order, _ := strings.CutPrefix(v.Config["boot"], "order=")
	for _, opt := range append(schema.List(order), drives(v.Config)...) {
		if !isDrive(opt) || v.Config[opt] == "" {
			continue
		}
		if d := mustDrive(opt, v.Config[opt]); d.disk() && s.st.Volumes[d["file"]] != nil {
			return s.st.Volumes[d["file"]].Image, d["file"]
		}
	}
	return "", ""
}

func (s *Server) guestFor(image string) Guest {
	best, found := Guest(Linux{}), -1
	for prefix, g := range s.o.Guests {
		if strings.HasPrefix(image, prefix) && len(prefix) > found {
			best, found = g, len(prefix)
		}
	}
	return best
}

// boot lets the guest run. Server.mu is held.
func (s *Server) boot(v *vm, ci CloudInit, resumed bool) error {
	image, volid := s.image(v)
	disk := filepath.Join(s.o.Dir, "disks", strings.NewReplacer("/", "_", ":", "_").Replace(or(volid, "vm-"+strconv.Itoa(v.ID))))
	if err := os.MkdirAll(disk, 0o700); err != nil {
		return err
	}
	running, err := s.guestFor(image).Boot(s.ctx, Machine{
		VMID: v.ID, Name: v.name(), Plug: v.Run.Plug, Image: image, NICs: slices.Clone(v.Run.NICs), CloudInit: ci,
		Config: maps.Clone(v.Config), Disk: disk, Timing: s.o.Timing, Resumed: resumed,
	})
	if err != nil {
		return err
	}
	m := &machine{running: running}
	s.live[v.ID] = m
	s.work.Go(func() { s.watch(v, m) })
	return nil
}

// watch clears up after a guest that went off by itself.
func (s *Server) watch(v *vm, m *machine) {
	select {
	case <-m.running.Done():
	case <-s.ctx.Done():
		return
	}
	s.mu.Lock()
	mine := s.live[v.ID] == m && !m.off
	if mine {
		m.off = true
	}
	s.mu.Unlock()
	if mine && s.ctx.Err() == nil {
		if err := s.cleanup(v, m); err != nil {
			s.o.Log.Error("cannot clear up after a VM", "vmid", v.ID, "cause", err)
		}
	}
}

// cleanup takes a VM's cables away and notes that it is off.
func (s *Server) cleanup(v *vm, m *machine) error {
	m.running.Stop()
	s.mu.Lock()
	name := s.plugName(v)
	s.mu.Unlock()
	err := s.o.Plugger.Unplug(context.WithoutCancel(s.ctx), name)
	return errors.Join(err, s.with(func() error {
		if s.live[v.ID] == m {
			delete(s.live, v.ID)
		}
		v.Run = nil
		v.applyPending(s)
		return nil
	}))
}
