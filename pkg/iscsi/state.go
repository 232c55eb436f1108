package iscsi

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// State is what the kernel has for one target.
type State struct {
	IQN     IQN
	Enabled bool
	Portals []string // as configfs names them
	LUNs    []LUNState
	ACLs    []string // initiators
	// Groups are portal groups beside the first; targetcli makes them only when
	// asked to. Ensure leaves them alone, Delete removes them.
	Groups []string
}

// LUNState is one LUN as the kernel has it.
type LUNState struct {
	Number    int
	Backstore string // empty: a LUN that was never linked
	Device    string
	link      string // the link's path
	dir       string // the backstore's folder
}

// state is State and what converge needs to know beside it.
type state struct {
	State
	target bool // the target's folder is there
	group  bool // tpgt_1 is there
	// kept are the folders of backstores that were taken out of a LUN to be linked
	// again, by name.
	kept map[string]string
}

// look reads a target's folders. What is not there is an empty state.
func (c *Client) look(i IQN) (state, error) {
	s := state{State: State{IQN: i}}
	entries, err := c.o.FS.ReadDir(c.targetDir(i))
	if errors.Is(err, syscall.ENOENT) {
		return s, nil
	}
	if err != nil {
		return s, c.unreadable(i, err)
	}
	s.target = true
	for _, e := range entries {
		switch {
		case e.Name == "tpgt_1":
			s.group = true
		case strings.HasPrefix(e.Name, "tpgt_"):
			s.Groups = append(s.Groups, e.Name)
		}
	}
	if !s.group {
		return s, nil
	}
	return s, c.lookGroup(&s, c.groupDir(i))
}

func (c *Client) lookGroup(s *state, group string) error {
	enabled, err := c.read(path.Join(group, "enable"))
	if err != nil {
		return c.unreadable(s.IQN, err)
	}
	s.Enabled = enabled == "1"
	if s.Portals, err = c.folders(path.Join(group, "np")); err != nil {
		return c.unreadable(s.IQN, err)
	}
	if s.ACLs, err = c.folders(path.Join(group, "acls")); err != nil {
		return c.unreadable(s.IQN, err)
	}
	luns, err := c.folders(path.Join(group, "lun"))
	if err != nil {
		return c.unreadable(s.IQN, err)
	}
	for _, name := range luns {
		l, err := c.lookLUN(group, name)
		if err != nil {
			return c.unreadable(s.IQN, err)
		}
		s.LUNs = append(s.LUNs, l)
	}
	slices.SortFunc(s.LUNs, func(a, b LUNState) int { return a.Number - b.Number })
	return nil
}

func (c *Client) lookLUN(group, name string) (LUNState, error) {
	n, err := strconv.Atoi(strings.TrimPrefix(name, "lun_"))
	if err != nil {
		return LUNState{}, fmt.Errorf("%s in %s is no LUN", name, group)
	}
	l := LUNState{Number: n}
	dir := path.Join(group, "lun", name)
	entries, err := c.o.FS.ReadDir(dir)
	if err != nil {
		return l, err
	}
	for _, e := range entries {
		if !e.Link {
			continue
		}
		l.link = path.Join(dir, e.Name)
		text, err := c.o.FS.Readlink(l.link)
		if err != nil {
			return l, err
		}
		if !path.IsAbs(text) {
			text = backstoreOf(l.link, text)
		}
		l.dir = path.Clean(text)
		l.Backstore = path.Base(l.dir)
		if l.Device, err = c.read(path.Join(l.dir, "udev_path")); err != nil {
			return l, err
		}
	}
	return l, nil
}

// folders returns the names of the folders in dir, without the default ones.
func (c *Client) folders(dir string) ([]string, error) {
	entries, err := c.o.FS.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.Dir {
			names = append(names, e.Name)
		}
	}
	slices.Sort(names)
	return names, nil
}

func (c *Client) unreadable(i IQN, err error) error {
	return fmt.Errorf("cannot read target %s: %w", i, err)
}

func (s *state) lun(n int) *LUNState {
	for k := range s.LUNs {
		if s.LUNs[k].Number == n {
			return &s.LUNs[k]
		}
	}
	return nil
}
