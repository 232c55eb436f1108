package netfw

import (
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
)

// Options is what a Driver works on. The zero value is the host itself.
type Options struct {
	Root     string // prefix of /etc and /var; "" means "/"
	Proc     string // where proc is mounted; "" means "/proc"
	RulesDir string // rule files for the boot unit, under Root; "" means /etc/waddle/firewall
	// Seam is called with an operation name before each side effect and each
	// process; an error from it aborts there. Nil allows everything.
	Seam func(op string) error
	Log  *slog.Logger // nil discards
}

// Driver knows the network of one host. It is safe for several goroutines; all
// calls have to come from threads in the same network namespace.
type Driver struct {
	root     string
	proc     string
	rulesDir string
	seam     func(op string) error
	log      *slog.Logger

	write sync.Mutex // one change at a time
	look  sync.Mutex // guards what follows
	tools *tools
	last  *snapshot
}

// New returns a driver. It touches nothing yet.
func New(o Options) *Driver {
	d := &Driver{root: o.Root, proc: o.Proc, rulesDir: o.RulesDir, seam: o.Seam, log: o.Log}
	if d.root == "" {
		d.root = "/"
	}
	if d.proc == "" {
		d.proc = "/proc"
	}
	if d.rulesDir == "" {
		d.rulesDir = "/etc/waddle/firewall"
	}
	if d.seam == nil {
		d.seam = func(string) error { return nil }
	}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	return d
}

// op announces a side effect to the seam.
func (d *Driver) op(name string) error { return d.seam("netfw:" + name) }

// at returns where the host's file path lies under the driver's root.
func (d *Driver) at(path string) string { return filepath.Join(d.root, path) }

// hostPath is the reverse of at, for messages.
func (d *Driver) hostPath(real string) string {
	if d.root == "/" {
		return real
	}
	return "/" + strings.TrimPrefix(strings.TrimPrefix(real, filepath.Clean(d.root)), "/")
}
