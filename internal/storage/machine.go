package storage

import (
	"context"
	"net"
	"path/filepath"
	"time"

	gozfs "github.com/mistifyio/go-zfs/v3"

	"github.com/waddle-social/waddle/internal/csigate/execute"
	"github.com/waddle-social/waddle/internal/csigate/keys"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/pkg/iscsi"
	"github.com/waddle-social/waddle/pkg/zfs"
)

// Machine is what a Backend works on. The zero value of a field is the host's
// own; Keys is required.
type Machine struct {
	ZFS      zfs.Runner                                 // runs zfs
	Pool     func(name string) (*gozfs.Zpool, error)    // reads a pool's state
	Dev      string                                     // where device links are; default /dev
	Configfs string                                     // where configfs is mounted; default /sys/kernel/config
	FS       iscsi.FS                                   // configfs
	Kernel   iscsi.Host                                 // modules and mounts
	Root     string                                     // prefix of the files of targetcli and systemd; default none
	Keys     string                                     // folder of the endpoint's keys and the CHAP secrets
	Listen   func(address string) (net.Listener, error) // opens the endpoint's port
	Seam     func(op string) error                      // passed by every side effect and every zfs process
}

func (m Machine) seam(op string) error {
	if m.Seam == nil {
		return nil
	}
	return m.Seam(op)
}

func (m Machine) at(path string) string { return filepath.Join("/", m.Root, path) }

func (m Machine) dev() string {
	if m.Dev == "" {
		return "/dev"
	}
	return m.Dev
}

// Backend is the storage of one platform. It is safe for use from several
// goroutines.
type Backend struct {
	m       Machine
	spec    platform.Storage
	quota   uint64
	zfs     *zfs.Client
	iscsi   *iscsi.Client
	policy  execute.Policy
	execute *execute.Executor
	youth   time.Duration // see youthful
	patient time.Duration // see deviceWait
}

// Open returns the Backend of a platform. It makes the CHAP secrets that the
// platform asks for, when they are not there, and touches nothing else.
func Open(m Machine, p *platform.Platform) (*Backend, error) {
	s := p.Spec.Storage
	b := &Backend{m: m, spec: s, quota: uint64(s.Quota), youth: youthful, patient: deviceWait}
	unusable := func(err error) (*Backend, error) {
		return nil, problem.Wrap(problem.InvalidPlatform, err, "correct spec.storage of the platform document", "cannot use the platform's storage")
	}
	root, err := zfs.ParseRoot(string(s.Dataset))
	if err != nil {
		return unusable(err)
	}
	b.zfs, err = zfs.New(zfs.Options{Root: root, Runner: m.ZFS, Pool: m.Pool, Dev: m.dev(), Seam: m.Seam})
	if err != nil {
		return unusable(err)
	}
	base, err := iscsi.ParseBase(string(s.IQNBase))
	if err != nil {
		return unusable(err)
	}
	b.iscsi, err = iscsi.New(iscsi.Options{
		Base: base, FS: m.FS, Root: m.Configfs, Host: m.Kernel, Seam: m.Seam,
		Devices: filepath.Join(m.dev(), "zvol", root.String()),
	})
	if err != nil {
		return unusable(err)
	}
	chap, err := b.chap()
	if err != nil {
		return nil, err
	}
	if b.policy, err = execute.PolicyOf(p, chap); err != nil {
		return unusable(err)
	}
	b.execute, err = execute.New(execute.Options{ZFS: b.zfs, ISCSI: b.iscsi, Policy: b.policy})
	if err != nil {
		return unusable(err)
	}
	return b, nil
}

// chap returns the secrets that the platform asks for.
func (b *Backend) chap() (iscsi.CHAP, error) {
	if b.spec.CHAP == platform.NoCHAP {
		return iscsi.CHAP{}, nil
	}
	if err := b.m.seam("storage:chap secrets"); err != nil {
		return iscsi.CHAP{}, err
	}
	c, err := keys.EnsureCHAP(b.m.Keys)
	if b.spec.CHAP == platform.OneWayCHAP {
		c.MutualUser, c.MutualPassword = "", iscsi.Secret{}
	}
	return c, err
}

// Ready reports whether zfs has the platform's datasets and the kernel its iSCSI
// target, with what is missing in the error.
func (b *Backend) Ready(ctx context.Context) error {
	if _, err := b.zfs.Get(ctx, nil, b.zfs.Root().Dataset()); err != nil {
		return b.notReady(err)
	}
	if _, err := b.iscsi.List(ctx); err != nil {
		return b.notReady(err)
	}
	return nil
}
