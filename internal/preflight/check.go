package preflight

import (
	"context"
	"fmt"

	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/pkg/vms/rest"
)

// State is what is known of a thing.
type State string

const (
	OK      State = "ok"
	Missing State = "missing"
	Unknown State = "unknown" // could not be looked at, because something else is missing
)

// Check is one thing that is needed of the host.
type Check struct {
	Name   string // stable: proxmox.token
	State  State
	Detail string // what was seen, in one line
	Remedy string // what to do, in one line; empty when there is nothing to do
}

// Report is all checks, in an order in which they can be settled.
type Report struct {
	Ready  bool // every check is ok
	Checks []Check
}

// Sources are where a preflight looks. Each is required, save Storage.
type Sources struct {
	Platform func() (*platform.Platform, error) // the document; a problem when there is none or it is wrong
	Node     string                             // the host's short name, which stands for the document's node then
	Network  func(context.Context) []string     // what the network driver lacks, a line each
	Storage  func(context.Context) []Check      // ZFS and the iSCSI target
	Bridges  func() ([]string, error)           // names of the host's bridges
	Proxmox  func(node string) *rest.Client     // with the daemon's token
	Free     func(dir string) (int64, error)    // bytes that may be written there
	StateDir string
}

// Run looks at everything. It takes as long as Proxmox's API takes to answer, at most a minute a call.
func (s Sources) Run(ctx context.Context) Report {
	l := &list{}
	p, err := s.Platform()
	if err != nil {
		l.missing("platform", err.Error(), "write one: waddle init --write")
		p = platform.Defaults()
		p.Spec.Host.Node = platform.Label(s.Node)
	} else {
		l.ok("platform", "the document is valid")
	}
	s.network(ctx, l)
	s.bridges(l, p)
	s.stateDir(l)
	if s.Storage != nil {
		l.checks = append(l.checks, s.Storage(ctx)...)
	}
	s.proxmox(ctx, l, p)
	r := Report{Ready: true, Checks: l.checks}
	for _, c := range l.checks {
		r.Ready = r.Ready && c.State == OK
	}
	return r
}

type list struct{ checks []Check }

func (l *list) ok(name, format string, args ...any) {
	l.checks = append(l.checks, Check{Name: name, State: OK, Detail: fmt.Sprintf(format, args...)})
}

func (l *list) missing(name, detail, remedy string) {
	l.checks = append(l.checks, Check{Name: name, State: Missing, Detail: detail, Remedy: remedy})
}

func (l *list) unknown(because string, names ...string) {
	for _, name := range names {
		l.checks = append(l.checks, Check{Name: name, State: Unknown, Detail: "not looked at: " + because})
	}
}
