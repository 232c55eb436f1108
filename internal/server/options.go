package server

import (
	"context"
	"iter"
	"log/slog"
	"net/netip"
	"time"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/firewall"
	"github.com/waddle-social/waddle/internal/machines"
	"github.com/waddle-social/waddle/internal/opentofu"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/server/api"
	"github.com/waddle-social/waddle/internal/server/token"
	"github.com/waddle-social/waddle/pkg/netfw"
	"github.com/waddle-social/waddle/pkg/netfw/confirm"
)

// Engine is what the server needs of the step engine; *engine.Engine has it.
type Engine interface {
	Plan(ctx context.Context, sel engine.Selection) (*engine.Plan, error)
	UndoPlan(ctx context.Context, sel engine.Selection) (*engine.Plan, error)
	Start(ctx context.Context, req engine.Request) (*engine.Operation, error)
	StartAction(ctx context.Context, by engine.Caller, a engine.Action) (*engine.Operation, error)
	Wait(ctx context.Context, id string) (*engine.Operation, error)
	Operation(id string) (*engine.Operation, error)
	Operations(f engine.OperationFilter) (page []engine.Operation, next string, err error)
	Cancel(ctx context.Context, id string, by engine.Caller) (*engine.Operation, error)
	Acknowledge(ctx context.Context, step string, by engine.Caller, note string) error
	Withdraw(ctx context.Context, step string, by engine.Caller) error
	Events(ctx context.Context, f engine.EventFilter) iter.Seq2[engine.Event, error]
	Publish(ev engine.Event)
	Drift() []engine.DriftReport
}

// PlatformStore keeps the platform document; *platformfile.Store does.
type PlatformStore interface {
	// Read returns the document. An invalid one is an InvalidPlatform problem
	// beside its text and revision; none at all is NoPlatform.
	Read() (data []byte, p *platform.Platform, revision string, err error)
	// Write replaces the document that has the revision ifMatch: "" stands for
	// none, "*" for any. It returns the new document's revision.
	Write(data []byte, ifMatch string) (revision string, err error)
}

// Network looks at the host's network.
type Network interface {
	Seen(ctx context.Context) (api.NetworkView, error)
	Wanted(ctx context.Context, p *platform.Platform) (api.NetworkView, error)
}

// Firewall changes the firewall's profile and says how it stands;
// *firewall.Service does.
type Firewall interface {
	Show(ctx context.Context, rules bool) (firewall.Status, error)
	Set(ctx context.Context, who firewall.Caller, c firewall.Change) (p confirm.Pending, note string, err error)
	Confirm(ctx context.Context, who firewall.Caller, id string, onTheConsole bool) error
	Rollback(ctx context.Context, who firewall.Caller, id string) error
	Emergency(ctx context.Context, who firewall.Caller, o firewall.Opening) (confirm.Emergency, error)
	Diff(ctx context.Context) (pending, drift []netfw.Difference, err error)
	Test(ctx context.Context, q firewall.Question) (firewall.Answer, error)
	Left(d confirm.Deadline) time.Duration
}

// Machines is the VMs and images in Proxmox VE; *machines.Service is behind it. Without
// a platform, or without access to Proxmox VE, its errors are problems that say so.
type Machines interface {
	VMs(ctx context.Context) ([]api.VM, error)
	VM(ctx context.Context, name string) (api.VMDetail, error)
	Adoption(ctx context.Context, name string) (api.VMAdoption, error)
	Images(ctx context.Context) ([]api.Image, error)
	// Prepare makes an action of what is asked of a VM or an image.
	Prepare(ctx context.Context, verb, subject string, a machines.Args) (engine.Action, error)
}

// Host looks at what the host has; *hostfacts.Host does.
type Host interface {
	Look() (platform.Facts, error)
}

// Storage is the volumes of the cluster. Before phase 1 has made the root
// dataset all but Status and Values answer with a NeedsNotDone problem.
type Storage interface {
	Volumes
	Snapshots
	Status(ctx context.Context) (api.StorageStatus, error)
	Sessions(ctx context.Context) ([]api.StorageSession, error)
	Orphans(ctx context.Context) ([]api.Orphan, error)
	Adoption(ctx context.Context) (api.StorageAdoption, error)
	// Prepare makes an action of what takes longer than a request.
	Prepare(ctx context.Context, verb string) (engine.Action, error)
	// Values is what democratic-csi needs; with reveal the secrets are in it.
	Values(ctx context.Context, snapshots, reveal bool) (api.CSIValues, error)
}

// Volumes makes, changes and deletes volumes. A change that has begun is
// finished, also when ctx ends.
type Volumes interface {
	Volumes(ctx context.Context) ([]api.Volume, error)
	Volume(ctx context.Context, name string) (api.Volume, error)
	Create(ctx context.Context, r api.VolumeRequest) (api.Volume, error)
	Resize(ctx context.Context, name string, bytes int64) (api.Volume, error)
	Clone(ctx context.Context, volume string, r api.VolumeClone) (api.Volume, error)
	// Move brings a volume that an older host has elsewhere to its place.
	Move(ctx context.Context, name string) (api.Volume, error)
	Delete(ctx context.Context, r DeleteVolume) error
}

// DeleteVolume says how far a delete goes.
type DeleteVolume struct {
	Name      string
	Force     bool // cut off who is logged in
	Unclaimed bool // no PersistentVolume is it, says the caller
	Snapshots bool // they go too
}

// Snapshots takes, uses and deletes snapshots of volumes.
type Snapshots interface {
	Snapshot(ctx context.Context, volume, name string) (api.VolumeSnapshot, error)
	Rollback(ctx context.Context, volume string, r api.VolumeRollback) (api.Volume, error)
	// DeleteSnapshot refuses one that was made for the cluster unless unclaimed.
	DeleteSnapshot(ctx context.Context, volume, name string, unclaimed bool) error
}

// Phase is one of the plan's phases.
type Phase struct {
	Number int
	Title  string
}

// Version is what is running.
type Version struct{ Version, Commit string }

// Limits are bounds on what callers may ask for.
type Limits struct {
	Body                  int64         // largest body in bytes; 256 KiB and a margin
	RequestTimeout        time.Duration // of a request that neither waits nor streams; 1 min
	FailedAuthentications int           // a minute and address; 10
}

// Options are what a server is made of.
type Options struct {
	Engine   Engine
	Platform PlatformStore
	Network  Network
	Firewall Firewall
	Host     Host
	Storage  Storage
	Machines Machines
	// RootPassword sets root's password; internal/access does.
	RootPassword RootPassword
	// Preflight looks for what the platform needs; preflight.Sources does.
	Preflight Preflight
	// Export renders the platform's VMs for OpenTofu.
	Export  func(p *platform.Platform) ([]opentofu.File, error)
	Phases  []Phase
	State   token.State // the state file, for tokens and idempotency keys
	Version Version

	// PlatformSchema returns the JSON Schema of the platform document.
	PlatformSchema func() ([]byte, error)
	// PlatformChanged is called after a document was written; may be nil.
	PlatformChanged func()
	// Ready is called once the unix socket takes connections; may be nil.
	Ready func()

	Socket string // path of the unix socket
	Group  string // whose members may use it beside root; "waddle"
	TLSDir string // directory of the certificates
	// Listen says where the TLS listener is wanted; nil takes it from the
	// platform document: the internal address and spec.waddled.port.
	Listen func() (netip.AddrPort, bool)

	Limits Limits
	Drain  time.Duration // how long a shutdown waits for requests; 10 s
	Log    *slog.Logger
	Now    func() time.Time // the clock of tokens and keys; nil is the system's
}

// bodyMargin lets the platform parser, not the transport, refuse a document that
// is only just too large: its message is the better one.
const bodyMargin = 4 << 10

func (o Options) withDefaults() Options {
	def(&o.Group, "waddle")
	def(&o.Limits.Body, 256<<10+bodyMargin)
	def(&o.Limits.RequestTimeout, time.Minute)
	def(&o.Limits.FailedAuthentications, 10)
	def(&o.Drain, 10*time.Second)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.PlatformChanged == nil {
		o.PlatformChanged = func() {}
	}
	if o.Ready == nil {
		o.Ready = func() {}
	}
	if o.Listen == nil {
		o.Listen = listenAsPlatformSays(o.Platform)
	}
	return o
}

func def[T comparable](v *T, otherwise T) {
	var zero T
	if *v == zero {
		*v = otherwise
	}
}

func listenAsPlatformSays(store PlatformStore) func() (netip.AddrPort, bool) {
	return func() (netip.AddrPort, bool) {
		_, p, _, err := store.Read()
		if err != nil {
			return netip.AddrPort{}, false
		}
		return apiAddress(p), true
	}
}

func apiAddress(p *platform.Platform) netip.AddrPort {
	return netip.AddrPortFrom(p.Spec.Network.Internal.Address, uint16(p.Spec.Waddled.Port))
}
