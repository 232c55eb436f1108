package pve

import (
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Options say what a simulated node looks like. The zero value of each field has a default, except Dir.
type Options struct {
	Dir          string       // where the state, the CA and the storages' files are kept; survives a restart
	Node         string       // the node's name, default "pve"
	Listener     net.Listener // default: a port of its own on 127.0.0.1; Close closes it
	Names        []string     // further names and addresses that the certificate is good for
	RootPassword string       // of root@pam, default "root-password"; counts at the first start only
	Storages     []Storage    // default: local (dir) and local-zfs (zfspool); counts at the first start only
	Plugger      Plugger      // default: no network, but the bridges vmbr0 and vmbr1
	HTTP         *http.Client // for download-url, default http.DefaultClient
	Guests       map[string]Guest
	// Timing is how long things take. The zero value of the whole means Realistic.
	Timing Timing
	Log    *slog.Logger // default: none
}

// Storage is a storage of the node.
type Storage struct {
	ID       string   `json:"id"`
	Type     string   `json:"type"`     // dir or zfspool
	Content  []string `json:"content"`  // images, iso, import, snippets, vztmpl, rootdir, backup
	Path     string   `json:"path"`     // of a dir storage, as the node sees it
	Root     string   `json:"root"`     // of a dir storage: where its files are on this machine, default DIR/storage/ID
	Pool     string   `json:"pool"`     // of a zfspool storage
	Capacity int64    `json:"capacity"` // bytes
	Disabled bool     `json:"disabled,omitempty"`
}

// Timing is how long things take. Scale multiplies every other duration, also the lock wait.
type Timing struct {
	Scale      float64       // 1 is real time, 0.01 a hundred times as fast
	Worker     time.Duration // until a task's worker runs
	Allocate   time.Duration // a volume
	CopyPerGiB time.Duration // a disk's virtual size: import, full clone, move
	Start      time.Duration // QEMU
	Boot       time.Duration // from start until the guest agent answers
	Shutdown   time.Duration // the guest's own, from the power button to off
	Snapshot   time.Duration
	Destroy    time.Duration // a volume
	LockWait   time.Duration // how long Proxmox waits for a lock: 10 s
	PowerWait  time.Duration // how long shutdown and reboot wait when no timeout is given: 60 s
	AgentWait  time.Duration // until a silent agent is given up: 3 s
}

// Realistic is a node with a fast local pool.
func Realistic() Timing {
	return Timing{
		Scale: 1, Worker: 100 * time.Millisecond, Allocate: 200 * time.Millisecond, CopyPerGiB: 600 * time.Millisecond,
		Start: 1500 * time.Millisecond, Boot: 15 * time.Second, Shutdown: 5 * time.Second, Snapshot: 500 * time.Millisecond,
		Destroy: 200 * time.Millisecond, LockWait: 10 * time.Second, PowerWait: 60 * time.Second, AgentWait: 3 * time.Second,
	}
}

// Scaled is Realistic, faster or slower by a factor.
func Scaled(scale float64) Timing {
	t := Realistic()
	t.Scale = scale
	return t
}

func (t Timing) of(d time.Duration) time.Duration { return time.Duration(float64(d) * t.Scale) }

const gib = 1 << 30

func (o Options) withDefaults() Options {
	if o.Node == "" {
		o.Node = "pve"
	}
	if o.RootPassword == "" {
		o.RootPassword = "root-password"
	}
	if o.Storages == nil {
		o.Storages = []Storage{
			{ID: "local", Type: "dir", Path: "/var/lib/vz", Content: []string{"backup", "import", "iso", "snippets", "vztmpl"}, Capacity: 100 * gib},
			{ID: "local-zfs", Type: "zfspool", Pool: "rpool/data", Content: []string{"images", "rootdir"}, Capacity: 400 * gib},
		}
	}
	if o.Plugger == nil {
		o.Plugger = Unplugged{"vmbr0", "vmbr1"}
	}
	if o.HTTP == nil {
		o.HTTP = http.DefaultClient
	}
	if o.Timing == (Timing{}) {
		o.Timing = Realistic()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}
