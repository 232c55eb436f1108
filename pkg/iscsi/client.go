package iscsi

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Options is what a Client works with. Base and Devices are required.
type Options struct {
	Base Base
	// FS is where configfs is. Default: the kernel's.
	FS FS
	// Root is where configfs is mounted. Default: /sys/kernel/config.
	Root string
	// Devices is the folder below which all our devices are, and nobody else's:
	// /dev/zvol/<root dataset>. /dev/zvol itself would take in the disks of VMs.
	Devices string
	// Seam is called with the operation's name before each change; an error keeps
	// it from happening.
	Seam func(op string) error
	// Watchdog is how long one call into the kernel may take. Default: 30 s.
	Watchdog time.Duration
	// Host is what Prepare works on. Default: this host.
	Host Host
}

// Client changes and reads the targets of one base name. It is safe for use from
// several goroutines.
type Client struct {
	o     Options
	turn  chan struct{} // holds one token: the right to change something
	open  chan struct{} // holds one token: the turn to have a device opened
	mu    sync.Mutex
	stuck map[IQN]string // targets with a call that has not returned
}

// New returns a client. It touches nothing.
func New(o Options) (*Client, error) {
	if o.Base.name == "" {
		return nil, fmt.Errorf("cannot use iSCSI: no base name is set")
	}
	if o.FS == nil {
		o.FS = OS{}
	}
	if o.Root == "" {
		o.Root = "/sys/kernel/config"
	}
	if !filepath.IsAbs(o.Devices) || filepath.Clean(o.Devices) != o.Devices || o.Devices == "/" || o.Devices == "/dev" || o.Devices == "/dev/zvol" {
		return nil, fmt.Errorf("cannot use iSCSI: device folder %s is not the absolute path of a folder of our own, like /dev/zvol/rpool/k8s-csi", quote(o.Devices))
	}
	if o.Seam == nil {
		o.Seam = func(string) error { return nil }
	}
	if o.Watchdog == 0 {
		o.Watchdog = 30 * time.Second
	}
	if o.Host == nil {
		o.Host = ThisHost{}
	}
	c := &Client{o: o, turn: make(chan struct{}, 1), open: make(chan struct{}, 1), stuck: map[IQN]string{}}
	c.turn <- struct{}{}
	c.open <- struct{}{}
	return c, nil
}

// Base returns the base name of the client's targets.
func (c *Client) Base() Base { return c.o.Base }

func (c *Client) owned(i IQN) error {
	if !c.o.Base.Owns(i) {
		return fmt.Errorf("cannot use target %s: %w, whose names start with %s and a colon", quote(i.name), ErrNotOurs, c.o.Base)
	}
	return nil
}

// lock takes the one lock for changes.
func (c *Client) lock(ctx context.Context) (func(), error) {
	select {
	case <-c.turn:
		return func() { c.turn <- struct{}{} }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for another change of the iSCSI targets: %w", context.Cause(ctx))
	}
}

func (c *Client) coreDir() string          { return path.Join(c.o.Root, "target/core") }
func (c *Client) iscsiDir() string         { return path.Join(c.o.Root, "target/iscsi") }
func (c *Client) targetDir(i IQN) string   { return path.Join(c.iscsiDir(), i.name) }
func (c *Client) groupDir(i IQN) string    { return path.Join(c.targetDir(i), "tpgt_1") }
func lunDir(group string, n int) string    { return path.Join(group, "lun", fmt.Sprintf("lun_%d", n)) }
func backstoreOf(link, text string) string { return path.Join(path.Dir(link), text) }

// hba is the folder that the kernel keeps a backstore in. rtslib gives every
// backstore one of its own and looks for a free number; ours is computed from
// the name, so that nothing has to be listed. Should two names meet in one
// number, they share the folder, which the kernel allows.
func (c *Client) hba(name string) string {
	const offset, prime = 2166136261, 16777619 // FNV-1a
	h := uint32(offset)
	for i := 0; i < len(name); i++ {
		h = (h ^ uint32(name[i])) * prime
	}
	return path.Join(c.coreDir(), fmt.Sprintf("iblock_%d", h&0x7fffffff))
}

func (c *Client) backstoreDir(name string) string { return path.Join(c.hba(name), name) }

// read returns a file's text without the trailing newline.
func (c *Client) read(file string) (string, error) {
	text, err := c.o.FS.ReadFile(file)
	return strings.TrimRight(text, "\n\x00"), err
}
