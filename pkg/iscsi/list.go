package iscsi

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"syscall"
)

// Listing is what List found.
type Listing struct {
	Targets []State
	// Foreign are the names of the fabric's targets that are not ours. They are
	// counted so that an operator knows of them, and never looked into.
	Foreign []string
}

// List returns all our targets, in the order of their names. One that goes away
// meanwhile is left out.
func (c *Client) List(ctx context.Context) (Listing, error) {
	names, err := c.folders(c.iscsiDir())
	if err != nil {
		return Listing{}, notReady("list targets", err)
	}
	var l Listing
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return Listing{}, err
		}
		if name == "discovery_auth" {
			continue
		}
		i := IQN{name: name}
		if !c.o.Base.Owns(i) {
			l.Foreign = append(l.Foreign, name)
			continue
		}
		s, err := c.look(i)
		if errors.Is(err, syscall.ENOENT) {
			continue
		}
		if err != nil {
			return Listing{}, err
		}
		if s.target {
			l.Targets = append(l.Targets, s.State)
		}
	}
	return l, nil
}

// Show returns one target; ErrNotExist when it is not there.
func (c *Client) Show(_ context.Context, i IQN) (State, error) {
	if err := c.owned(i); err != nil {
		return State{}, err
	}
	s, err := c.look(i)
	if err == nil && !s.target {
		err = fmt.Errorf("cannot read target %s: %w", i, ErrNotExist)
	}
	return s.State, err
}

// ForeignBackstores counts the backstores of any kind that are not of our
// devices: what an operator keeps in targetcli beside us.
func (c *Client) ForeignBackstores(ctx context.Context) (int, error) {
	adapters, err := c.folders(c.coreDir())
	if err != nil {
		return 0, notReady("count backstores", err)
	}
	n := 0
	for _, hba := range adapters {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if hba == "alua" {
			continue
		}
		names, err := c.folders(path.Join(c.coreDir(), hba))
		if gone(err) != nil {
			return 0, notReady("count backstores", err)
		}
		for _, name := range names {
			device, err := c.read(path.Join(c.coreDir(), hba, name, "udev_path"))
			if err == nil && !(strings.HasPrefix(hba, "iblock_") && c.ourDevice(device)) {
				n++
			}
		}
	}
	return n, nil
}

func notReady(what string, err error) error {
	if errors.Is(err, syscall.ENOENT) {
		return fmt.Errorf("cannot %s: %w: %w", what, ErrNotReady, err)
	}
	return fmt.Errorf("cannot %s: %w", what, err)
}
