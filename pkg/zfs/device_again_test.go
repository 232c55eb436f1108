package zfs

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// busy is a machine on which udev gave up on some volumes: /dev has their
// devices, /dev/zvol no links to them.
type busy struct {
	t        *testing.T
	dev, sys string
	names    map[string]string // device: dataset
}

func newBusy(t *testing.T, names map[string]string) *busy {
	b := &busy{t: t, dev: t.TempDir(), sys: t.TempDir(), names: names}
	for device := range names {
		if err := errors.Join(
			os.WriteFile(filepath.Join(b.dev, device), nil, 0o600),
			os.MkdirAll(filepath.Join(b.sys, "block", device), 0o755),
			os.WriteFile(filepath.Join(b.sys, "block", device, "uevent"), nil, 0o600),
		); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func (b *busy) client(o Options) *Client {
	o.Dev, o.Sys, o.Runner = b.dev, b.sys, &scripted{}
	c := testClient(b.t, o)
	c.zvolName = func(device string) (string, error) {
		if name := b.names[filepath.Base(device)]; name != "busy" {
			return name, nil
		}
		return "", errors.New("unknown error 512")
	}
	return c
}

func (b *busy) link(c *Client, v Volume, device string) {
	if err := errors.Join(os.MkdirAll(filepath.Dir(c.Device(v)), 0o755), os.Symlink(filepath.Join(b.dev, device), c.Device(v))); err != nil {
		b.t.Error(err)
	}
}

func (b *busy) asked(device string) bool {
	raw, err := os.ReadFile(filepath.Join(b.sys, "block", device, "uevent"))
	return err == nil && string(raw) == "change"
}

func TestUdevIsAskedAgainForTheVolumesOwnDeviceAlone(t *testing.T) {
	v := volume(t, "a")
	b := newBusy(t, map[string]string{"zd0": v.full, "zd16": "tank/other", "zd32": "busy", "sda": v.full})
	c := b.client(Options{})
	go func() { // udev
		for !b.asked("zd0") {
			time.Sleep(time.Millisecond)
		}
		b.link(c, v, "zd0")
	}()
	if got, err := c.WaitDevice(t.Context(), v); err != nil || got != c.Device(v) {
		t.Fatalf("%q, %v", got, err)
	}
	for _, other := range []string{"zd16", "zd32", "sda"} {
		if b.asked(other) {
			t.Errorf("udev was asked for %s, which is not the volume's", other)
		}
	}
}

func TestADeviceThatALinkLeadsToIsNotOpened(t *testing.T) {
	v, other := volume(t, "a"), volume(t, "b")
	b := newBusy(t, map[string]string{"zd0": "busy", "zd16": v.full})
	c := b.client(Options{})
	b.link(c, other, "zd0")
	var opened []string
	name := c.zvolName
	c.zvolName = func(device string) (string, error) {
		opened = append(opened, filepath.Base(device))
		return name(device)
	}
	if got := c.unlinked(v); got != "zd16" || len(opened) != 1 {
		t.Fatalf("%q, opened %v", got, opened)
	}
}

func TestWhereAProcessMayNotBeStartedUdevIsNotAskedEither(t *testing.T) {
	v := volume(t, "a")
	b := newBusy(t, map[string]string{"zd0": v.full})
	killed := make(chan string, 10)
	for wait := firstAgain * 3 / 2; len(killed) == 0; wait *= 2 { // twice as long where the machine stood still
		c := b.client(Options{DeviceWait: wait, Seam: func(op string) error { killed <- op; return errors.New("killed") }})
		if _, err := c.WaitDevice(t.Context(), v); !errors.Is(err, ErrNoDevice) {
			t.Fatalf("got %v", err)
		}
		if wait > time.Minute {
			t.Fatal("udev was not to be asked")
		}
	}
	if op := <-killed; op != "udev change" || b.asked("zd0") {
		t.Fatalf("passed the seam as %q, asked: %t", op, b.asked("zd0"))
	}
}

func TestWhatIsNoZvolHasNoDataset(t *testing.T) {
	if name, err := zvolName(os.DevNull); err == nil {
		t.Fatalf("/dev/null says that it is %q", name)
	}
	if _, err := zvolName(filepath.Join(t.TempDir(), "zd0")); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("got %v", err)
	}
}
