package lab

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"time"
)

// Options say what lab Up builds. The zero value is the fresh host of a lab "lab".
type Options struct {
	// Name tells labs apart: a letter and up to 19 letters and digits.
	Name string
	// HandTyped types the plan's phase 0 and 1 commands on the host, as the plan
	// has them: the host of somebody who followed it by hand.
	HandTyped bool
	// Service is the command that becomes the lab's service process; "serve --name
	// NAME" is appended. Empty means the running program, which then has to call
	// ServeIfAsked first thing in main or TestMain.
	Service []string
	// Log receives one line for each thing worth knowing; may be nil.
	Log func(line string)

	before func(op string) // a test's view of the seam
}

func (o Options) log(format string, args ...any) {
	if o.Log != nil {
		o.Log(fmt.Sprintf(format, args...))
	}
}

// Up builds a lab, or takes over the one that is there when it is whole and of the
// same kind. What is left of a lab that died is removed first. When Up fails it
// takes away what it had built.
func Up(ctx context.Context, o Options) (*Lab, error) {
	if o.Name == "" {
		o.Name = DefaultName
	}
	if err := checkName(o.Name); err != nil {
		return nil, err
	}
	if err := Preflight(o); err != nil {
		return nil, err
	}
	unlock, err := lock(o.Name)
	if err != nil {
		return nil, fmt.Errorf("cannot bring lab %s up: %w", o.Name, err)
	}
	defer unlock()
	if l, err := adopt(o); l != nil || err != nil {
		return l, err
	}
	if err := clearOut(ctx, o.Name); err != nil {
		return nil, fmt.Errorf("cannot bring lab %s up: what is left of an earlier one does not go away: %w", o.Name, err)
	}
	l, err := build(ctx, o)
	if err != nil {
		err = fmt.Errorf("cannot bring lab %s up: %w", o.Name, err)
		// The caller's context may be what ended the build; the rubble goes all the same.
		if cerr := remove(context.WithoutCancel(ctx), o.Name); cerr != nil {
			err = fmt.Errorf("%w; and %w", err, cerr)
		}
		return nil, err
	}
	return l, nil
}

// adopt returns the lab that is there already, if it is whole.
func adopt(o Options) (*Lab, error) {
	l, err := Open(o.Name)
	if err != nil {
		names, nerr := netnsNames(o.Name)
		if nerr == nil && len(names) > 0 {
			o.log("lab %s is not whole (%v): removing what is left and building it again", o.Name, err)
		}
		return nil, nil
	}
	if l.handTyped != o.HandTyped {
		return nil, fmt.Errorf("cannot bring lab %s up: it is up already, with hand-typed rules: %t, and asked for: %t; take it down first, or choose another --name",
			o.Name, l.handTyped, o.HandTyped)
	}
	o.log("lab %s is up already: using it", o.Name)
	return l, nil
}

func build(ctx context.Context, o Options) (*Lab, error) {
	s := seam{before: o.before}
	for _, node := range []string{nodeInternet, nodeScanner, nodeHost} {
		if err := s.newNetns(o.Name, node); err != nil {
			return nil, err
		}
	}
	if err := s.wire(ctx, o.Name); err != nil {
		return nil, err
	}
	st := state{Name: o.Name, Created: time.Now().UTC(), HandTyped: o.HandTyped}
	start := func() (err error) {
		st.Service, st.Guests, err = startService(ctx, o)
		return err
	}
	if err := s.do("start the service process", start); err != nil {
		return nil, err
	}
	l := newLab(st)
	err := s.all([]step{
		{"say where the service process is", func() error { return writeJSON(stateFile(o.Name), st) }},
		{"start the simulator of Proxmox VE", func() (err error) {
			st.Proxmox, _, err = startChild(ctx, o, 0, proxmoxFlag)
			return err
		}},
	})
	if err != nil {
		return nil, err
	}
	if err := l.awaitReach(ctx); err != nil {
		return nil, err
	}
	if o.HandTyped {
		if err := s.handType(ctx, l); err != nil {
			return nil, err
		}
	}
	// Only with the simulator's process in it does the file make the lab a whole one.
	err = s.do("write "+stateFile(o.Name), func() error { return writeJSON(stateFile(o.Name), st) })
	return l, err
}

// awaitReach waits until the host answers the scanner over both families. The kernel
// joins the multicast groups by which an IPv6 address is found some time after it has
// the address, and asks for a neighbour that did not hear it only every second.
func (l *Lab) awaitReach(ctx context.Context) error {
	for _, target := range []netip.Addr{HostAddr, HostAddr6} {
		for end := time.Now().Add(linkPatience); ; {
			n, err := Ping(ctx, l.Scanner, target, 1)
			if err != nil {
				return err
			}
			if n == 1 {
				break
			}
			if time.Now().After(end) {
				return fmt.Errorf("the host does not answer the scanner's pings to %s within %s", target, linkPatience)
			}
		}
	}
	return nil
}

// clearOut removes everything of a lab but the directory, which carries the lock.
func clearOut(ctx context.Context, name string) error {
	if err := killResidents(ctx, name); err != nil {
		return err
	}
	paths, err := netnsNames(name)
	if err != nil {
		return err
	}
	for _, path := range paths {
		if err := removeNetns(path); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(stateDir(name))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.RemoveAll(stateDir(name) + "/" + e.Name()); err != nil {
			return err
		}
	}
	return nil
}
