package phase

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/waddle-social/waddle/internal/access"
	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/machines"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/internal/storage"
	"github.com/waddle-social/waddle/pkg/netfw"
	"github.com/waddle-social/waddle/pkg/netfw/confirm"
)

var update = flag.Bool("update", false, "write the golden files anew")

func example(t *testing.T) *platform.Platform {
	t.Helper()
	const path = "../../examples/waddle-social.yaml"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p, err := platform.Parse(path, data)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// untouched is a firewall whose profile was never changed.
type untouched struct{}

func (untouched) Wanted(context.Context) (confirm.Wanted, error) { return confirm.Wanted{}, nil }

func (untouched) State(context.Context) (confirm.State, error) { return confirm.State{}, nil }

func (untouched) Hold(ctx context.Context, do func(context.Context, confirm.Wanted) error) error {
	return do(ctx, confirm.Wanted{})
}

func (untouched) Release(ctx context.Context, undo func(context.Context) error) error {
	return undo(ctx)
}

// acks is the gates that were acknowledged.
type acks map[string]engine.Acknowledgement

func (a acks) Acknowledgement(step string) (*engine.Acknowledgement, bool) {
	one, ok := a[step]
	return &one, ok
}

func build(t *testing.T, closed acks) *engine.Graph {
	t.Helper()
	g, err := Build(example(t), "revision", Drivers{Network: netfw.New(netfw.Options{}), Firewall: untouched{}, Access: access.New(access.Options{Root: t.TempDir()}), Machines: machines.New(machines.Options{}), Storage: storage.NewService(storage.ServiceOptions{}), Acknowledgements: closed})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestThePhasesAreThePlansInItsOrderAndWords(t *testing.T) {
	var b strings.Builder
	last := -1
	for _, s := range build(t, nil).Steps {
		if s.Phase != last {
			last = s.Phase
			fmt.Fprintf(&b, "Phase %d: %s\n", s.Phase, Titles[s.Phase])
		}
		kind := "step"
		switch {
		case s.Gate != nil:
			kind = "gate"
		case s.Undo != nil:
			kind = "step with undo"
		}
		fmt.Fprintf(&b, "  %s (%s, %s) %s\n", s.ID, s.Plan, kind, s.Title)
		if len(s.Needs) > 0 {
			fmt.Fprintf(&b, "    needs %s\n", strings.Join(s.Needs, ", "))
		}
		if s.Gate != nil {
			fmt.Fprintf(&b, "    %s\n", s.Gate.Instruction)
		}
	}
	const golden = "testdata/phases.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("the phases have changed; -update writes them anew (-golden +now):\n%s", diff)
	}
}

func TestForwardingIsSwitchedOnAfterTheRulesThatCloseIt(t *testing.T) {
	s, ok := build(t, nil).Step("network.forwarding")
	if !ok {
		t.Fatal("there is no step network.forwarding")
	}
	if !strings.Contains(strings.Join(s.Needs, " "), "firewall.forward") {
		t.Errorf("network.forwarding needs %v: between the two steps anybody could be forwarded", s.Needs)
	}
}

func TestAGateIsOpenUntilItIsAcknowledged(t *testing.T) {
	const id = "host.console"
	at := time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name   string
		closed acks
		want   engine.Result
	}{
		{"nobody has acknowledged it", nil, engine.Unknowable("log in on the provider's out-of-band console once, so that there is a way in that no firewall closes")},
		{"acknowledged without a note", acks{id: {Step: id, By: engine.Caller{Name: "uid 0 (root)"}, At: at}},
			engine.IsDone("acknowledged by uid 0 (root) at 2026-11-24T06:00:00Z")},
		{"acknowledged with a note", acks{id: {Step: id, By: engine.Caller{Name: "token ops"}, At: at, Note: "KVM works"}},
			engine.IsDone("acknowledged by token ops at 2026-11-24T06:00:00Z: KVM works")},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := build(t, c.closed).Step(id)
			got, err := s.Check(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTheDriversRefusalsHaveCodesAndHints(t *testing.T) {
	differs := []netfw.Difference{{Kind: netfw.Conflict, Object: "link vmbr1", Is: "10.10.0.9/24", Want: "10.10.0.1/24"}}
	other := errors.New("netlink: operation not permitted")
	for _, c := range []struct {
		name   string
		err    error
		code   problem.Code
		others []string
	}{
		{"a conflict names what stands in the way", &netfw.ConflictError{Differences: differs}, problem.Conflict, []string{"link vmbr1"}},
		{"an adoption asks for consent", fmt.Errorf("apply: %w", &netfw.AdoptionError{Differences: differs}), problem.AdoptionNeeded, []string{"link vmbr1"}},
		{"a bridge in use names its ports", &netfw.PortsError{Bridge: "vmbr1", Ports: "tap102i0, tap110i0"}, problem.Conflict, []string{"tap102i0", "tap110i0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := problem.From(refused(c.err))
			if p.Code != c.code || p.Hint == "" {
				t.Errorf("code %s, hint %q, want %s and a hint", p.Code, p.Hint, c.code)
			}
			if diff := cmp.Diff(c.others, p.Others); diff != "" {
				t.Error(diff)
			}
		})
	}
	if err := refused(other); err != other {
		t.Errorf("another error became %v", err)
	}
	if err := refused(nil); err != nil {
		t.Errorf("no error became %v", err)
	}
}

// broken is a network driver that fails to look.
type broken struct{ Network }

func (broken) LookForwarding(context.Context) (netfw.Finding, error) {
	return netfw.Finding{}, errors.New("no /proc")
}

func TestALookThatFailsIsAnErrorAndNotDone(t *testing.T) {
	g, err := Build(example(t), "revision", Drivers{Network: broken{}, Firewall: untouched{}, Access: access.New(access.Options{Root: t.TempDir()}), Machines: machines.New(machines.Options{}), Storage: storage.NewService(storage.ServiceOptions{}), Acknowledgements: acks{}})
	if err != nil {
		t.Fatal(err)
	}
	s, _ := g.Step("network.forwarding")
	if r, err := s.Check(t.Context()); err == nil || r.State == engine.Done {
		t.Errorf("the check answered %+v, %v", r, err)
	}
	if _, err := s.Undo.Show(t.Context(), []byte(`{"live":`)); err == nil {
		t.Error("a record that cannot be read was read")
	}
}

func TestVolumesAreReachedFromTheNodesAloneBeforeTheLockdownToo(t *testing.T) {
	p := example(t)
	of := func(p *platform.Platform) (rules []string) {
		set, err := netfw.Rules(Rules(p))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range set.Of(netfw.IPv4) {
			for _, r := range c.Rules {
				if strings.Contains(r, "--dport 3260") || strings.Contains(r, "--dport 2222") {
					rules = append(rules, r)
				}
			}
		}
		return rules
	}
	rules := of(p)
	if len(rules) != 2*len(p.Spec.Network.Addresses.Nodes) {
		t.Errorf("%d rules: %q", len(rules), rules)
	}
	for _, r := range rules {
		if !strings.Contains(r, "/32 -i vmbr1 ") {
			t.Errorf("not one node's alone: %s", r)
		}
	}
	p.Spec.Lockdown.Internal = platform.Open
	if rules := of(p); !strings.Contains(strings.Join(rules, "\n"), "-s 10.10.0.0/24 -i vmbr1 -p tcp -m tcp --dport 3260") {
		t.Errorf("the internal network is to be trusted, and the rules are %q", rules)
	}
}
