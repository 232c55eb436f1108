package pve

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// state is everything that survives a restart. Server.mu guards it.
type state struct {
	Users    map[string]*user    `json:"users"`
	Roles    map[string][]string `json:"roles"` // those that were made, not Proxmox's own
	ACL      []acl               `json:"acl"`
	Storages map[string]*Storage `json:"storages"`
	Volumes  map[string]*volume  `json:"volumes"` // disks, by volume id
	VMs      map[int]*vm         `json:"vms"`
	Others   map[int]Other       `json:"others,omitempty"`
	Pools    map[string]*pool    `json:"pools"`
	Tasks    []*task             `json:"tasks"` // oldest first
	PID      int                 `json:"pid"`   // the last one that was given out
	Key      []byte              `json:"key"`   // signs tickets
	Faults   []Fault             `json:"faults"`
}

type user struct {
	Password string            `json:"password,omitempty"` // SHA-256 with the user id as salt, hexadecimal
	Enable   bool              `json:"enable"`
	Expire   int64             `json:"expire"`
	Info     map[string]string `json:"info"` // comment, email, firstname, lastname, keys
	Tokens   map[string]*token `json:"tokens"`
}

type token struct {
	Secret  string `json:"secret"` // SHA-256, hexadecimal
	Privsep bool   `json:"privsep"`
	Expire  int64  `json:"expire"`
	Comment string `json:"comment"`
}

type acl struct {
	Path      string `json:"path"`
	Type      string `json:"type"` // user or token
	UGID      string `json:"ugid"`
	Role      string `json:"roleid"`
	Propagate bool   `json:"propagate"`
}

type pool struct {
	Comment string          `json:"comment"`
	VMs     map[int]bool    `json:"vms"`
	Storage map[string]bool `json:"storage"`
}

const tasksKept = 1000

func (s *Server) statePath() string { return filepath.Join(s.o.Dir, "state.json") }

func (s *Server) load() error {
	raw, err := os.ReadFile(s.statePath())
	if errors.Is(err, fs.ErrNotExist) {
		return s.firstStart()
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, &s.st); err != nil {
		return fmt.Errorf("cannot read %s: %w: remove the directory to begin anew", s.statePath(), err)
	}
	for _, t := range s.st.Tasks {
		if t.End.IsZero() { // its worker died with the simulator
			t.End, t.Exit = s.now(), "unexpected status"
		}
	}
	return nil
}

func (s *Server) firstStart() error {
	s.st = state{
		Users: map[string]*user{}, Roles: map[string][]string{}, Storages: map[string]*Storage{},
		Volumes: map[string]*volume{}, VMs: map[int]*vm{}, Pools: map[string]*pool{}, PID: 1000, Key: random(32),
	}
	s.st.Users["root@pam"] = &user{Password: hashed("root@pam", s.o.RootPassword), Enable: true, Info: map[string]string{}, Tokens: map[string]*token{}}
	for _, st := range s.o.Storages {
		if st.Type == "dir" && st.Root == "" {
			st.Root = filepath.Join(s.o.Dir, "storage", st.ID)
		}
		s.st.Storages[st.ID] = &st
	}
	return s.save()
}

// save writes the state to a file that replaces the former one. It is not synced: it has to
// survive the simulator's end, not the machine's.
func (s *Server) save() error {
	if n := len(s.st.Tasks) - tasksKept; n > 0 {
		s.st.Tasks = slices.Clone(s.st.Tasks[n:])
	}
	raw, err := json.Marshal(s.st)
	if err != nil {
		return err
	}
	tmp := s.statePath() + ".new"
	if err := os.WriteFile(tmp, raw, 0o600); err != nil {
		return fmt.Errorf("cannot keep the state: %w", err)
	}
	return os.Rename(tmp, s.statePath())
}

func (s *Server) vmIDs() []int { return slices.Sorted(maps.Keys(s.st.VMs)) }

// config finds a VM, or says what Proxmox says when there is none.
func (s *Server) config(vmid int) (*vm, error) {
	if v, ok := s.st.VMs[vmid]; ok {
		return v, nil
	}
	return nil, die("Configuration file 'nodes/%s/qemu-server/%d.conf' does not exist", s.o.Node, vmid)
}

func (s *Server) nextPID() int {
	s.st.PID++
	return s.st.PID
}

func atoi(s string) int { n, _ := strconv.Atoi(s); return n }
