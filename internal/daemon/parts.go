package daemon

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/waddle-social/waddle/internal/access"
	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/firewall"
	"github.com/waddle-social/waddle/internal/hostfacts"
	"github.com/waddle-social/waddle/internal/machines"
	"github.com/waddle-social/waddle/internal/phase"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/platform/platformfile"
	"github.com/waddle-social/waddle/internal/server"
	"github.com/waddle-social/waddle/internal/state"
	"github.com/waddle-social/waddle/internal/storage"
	"github.com/waddle-social/waddle/pkg/netfw"
	"github.com/waddle-social/waddle/pkg/netfw/confirm"
)

// parts is the daemon put together.
type parts struct {
	c        Config
	network  *netfw.Driver
	firewall *confirm.Firewall // the truth
	profiles *firewall.Service // what the API does with it
	access   *access.Driver
	probes   *phase.Probes
	storage  *storage.Service
	machines *machines.Service
	store    *platformfile.Store
	engine   *engine.Engine
	server   *server.Server
	triggers chan string // what the reconciler is woken by, beside the kernel
}

func assemble(c Config, db *state.DB, network *netfw.Driver) (*parts, error) {
	p := &parts{
		c: c, network: network,
		store:    &platformfile.Store{Path: c.Platform},
		access:   access.New(access.Options{Seam: c.Seam, Log: c.Log}),
		probes:   &phase.Probes{},
		triggers: make(chan string, 1),
	}
	p.probes.Outside = outside{p}
	p.storage = storage.NewService(p.storageOptions())
	own := p.own()
	var err error
	p.firewall, err = confirm.Open(confirm.Options{
		Loader: network, Seam: c.Seam, Log: c.Log, Lockdown: p.emergency,
		Guard: confirm.HostGuard(c.Program, confirm.DefaultDir, confirm.DefaultRun),
	})
	if err != nil {
		return nil, err
	}
	p.machines = machines.New(machines.Options{
		State: db, Platform: p.platform, Dir: filepath.Join(c.StateDir, "images"), Seam: c.Seam, Log: c.Log,
		Quorum: machines.Gates{Passed: p.acknowledged},
	})
	p.engine, err = engine.New(engine.Options{
		State: db, Source: p.graph, Actions: p.actions, Log: c.Log,
		Keep:           engine.Retention{Count: int(own.Retention.Operations), Age: time.Duration(own.Retention.Age)},
		ReconcileEvery: time.Duration(own.ReconcileInterval),
	})
	if err != nil {
		return nil, err
	}
	p.profiles = firewall.New(firewall.Options{
		Truth: p.firewall, Kernel: network, Platform: p.document,
		Missing:  func(ctx context.Context) ([]string, error) { return firewall.Missing(ctx, p.engine) },
		Reported: p.rulesReported, Publish: p.engine.Publish, Changed: p.lookAtAll, Log: c.Log,
	})
	kernel, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("cannot ask the kernel about the network: %w", err)
	}
	p.server, err = server.New(server.Options{
		Engine:          p.engine,
		Platform:        p.store,
		Network:         networkView{network},
		Storage:         storageAPI{p.storage},
		Firewall:        p.profiles,
		Machines:        machinesAPI{p.machines},
		Host:            hostfacts.New(hostfacts.Machine(), kernel),
		RootPassword:    rootPassword{p.access},
		Preflight:       p.preflight(),
		Export:          export,
		Phases:          phases(),
		State:           db,
		Version:         c.Version,
		PlatformSchema:  func() ([]byte, error) { return platform.Schema(), nil },
		PlatformChanged: p.platformChanged,
		Ready:           c.Ready,
		Socket:          c.Socket,
		Group:           cmp.Or(string(own.SocketGroup), c.Group),
		TLSDir:          c.tlsDir(),
		Limits: server.Limits{
			RequestTimeout:        time.Duration(own.Limits.RequestTimeout),
			FailedAuthentications: int(own.Limits.FailedAuthentications),
		},
		Log: c.Log,
	})
	return p, err
}

// storageOptions are the machine's, with what is the daemon's to say.
func (p *parts) storageOptions() storage.ServiceOptions {
	m := p.c.Storage
	m.Keys, m.Seam = p.c.storageDir(), p.c.Seam
	return storage.ServiceOptions{Machine: m, Log: p.c.Log, Platform: func() (*platform.Platform, error) {
		_, doc, _, err := p.store.Read()
		return doc, err
	}}
}

// own is what the platform says about the daemon itself; without a platform
// everything is left to the defaults of who is asked.
func (p *parts) own() platform.Waddled {
	_, doc, _, err := p.store.Read()
	if err != nil {
		return platform.Waddled{}
	}
	return doc.Spec.Waddled
}

// document is the document as the rules are made from it: with the portal that
// volumes depend on, until the last of them is gone.
func (p *parts) document() (*platform.Platform, error) {
	_, doc, _, err := p.store.Read()
	if err != nil {
		return nil, err
	}
	doc.Spec.Storage.Portal = p.storage.Portal(doc)
	return doc, nil
}

// graph is the phases for the platform as it is on the disk now.
func (p *parts) graph(context.Context) (*engine.Graph, error) {
	_, doc, revision, err := p.store.Read()
	if err != nil {
		return nil, err
	}
	return phase.Build(doc, revision, phase.Drivers{
		Network: p.network, Firewall: p.firewall, Access: p.access, Storage: p.storage, Machines: p.machines,
		Acknowledgements: p.engine, Probes: p.probes,
	})
}

// actions are the steps of what is asked for once.
func (p *parts) actions(ctx context.Context, a engine.Action) (*engine.Graph, error) {
	if !strings.HasPrefix(a.Verb, storage.Area+".") {
		return p.machines.Actions(ctx, a)
	}
	_, _, revision, err := p.store.Read()
	if err != nil {
		return nil, err
	}
	step, err := p.storage.Step(a)
	if err != nil {
		return nil, err
	}
	return engine.NewGraph(revision, []engine.Step{step})
}

func (p *parts) platform() (*platform.Platform, string, error) {
	_, doc, revision, err := p.store.Read()
	return doc, revision, err
}

// acknowledged tells whether a person has closed a gate.
func (p *parts) acknowledged(step string) bool {
	_, is := p.engine.Acknowledgement(step)
	return is
}

// rulesReported tells whether the reconciler has a report about a step that
// keeps rules, which it does not put right.
func (p *parts) rulesReported() bool {
	return slices.ContainsFunc(p.engine.Drift(), func(r engine.DriftReport) bool {
		return strings.HasPrefix(r.Step, "firewall.") && r.Kind != engine.DriftRepairing
	})
}

// emergency is the lockdown that the platform wants, with an exception.
func (p *parts) emergency(x netfw.Exception) (netfw.RuleSet, error) {
	doc, err := p.document()
	if err != nil {
		return netfw.RuleSet{}, err
	}
	return phase.EmergencyRules(doc, x)
}

func phases() []server.Phase {
	list := make([]server.Phase, 0, len(phase.Titles))
	for n, title := range phase.Titles {
		list = append(list, server.Phase{Number: n, Title: title})
	}
	return list
}
