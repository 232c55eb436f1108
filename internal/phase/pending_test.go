package phase

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/machines"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/internal/storage"
	"github.com/waddle-social/waddle/pkg/netfw"
	"github.com/waddle-social/waddle/pkg/netfw/confirm"
)

// loads counts what is loaded.
type loads struct {
	Network
	n int
}

func (l *loads) ApplyRules(context.Context, netfw.RuleConfig, netfw.Consent) error { l.n++; return nil }

// While a change waits for its confirmation its rules are put back when somebody
// takes them away, and nothing else is loaded in their place: what a connection
// then proves is that change and no other, and the confirmation would overwrite
// whatever came in between.
func TestWhileAChangeWaitsAnApplyLoadsNothingElse(t *testing.T) {
	phases0and1 := netfw.AllParts
	for name, c := range map[string]struct {
		set    netfw.Part // of the pending change
		step   string
		change bool // the document meanwhile
		loads  bool
	}{
		"the change's own rules are put back":            {phases0and1, "firewall.input", false, true},
		"what is forwarded is put back":                  {phases0and1, "firewall.forward", false, true},
		"pins are put back":                              {phases0and1, "firewall.pins", false, true},
		"another Teleport address":                       {phases0and1, "firewall.input", true, false},
		"another Teleport address, pinned":               {phases0and1, "firewall.pins", true, false},
		"a phase that was not applied before the change": {netfw.PartInput, "firewall.forward", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := example(t)
			cfg := Rules(p)
			cfg.Profile, cfg.Parts = netfw.Lockdown, c.set
			live, err := netfw.Rules(cfg)
			if err != nil {
				t.Fatal(err)
			}
			if c.change {
				p.Spec.Network.Addresses.Teleport = netip.MustParseAddr("10.10.0.3")
			}
			waits := &confirm.Pending{ID: "change-1", Profile: netfw.Lockdown, Deadline: confirm.Deadline{Wall: time.Now().Add(time.Minute)}}
			fw := &gates{t: t, wanted: confirm.Wanted{Live: netfw.Lockdown, Boot: netfw.Initial, LiveRules: &live, BootRules: &live, Pending: waits}}
			net := &loads{}
			g, err := Build(p, "rev", Drivers{Network: net, Firewall: fw, Access: &ways{}, Machines: machines.New(machines.Options{}), Storage: storage.NewService(storage.ServiceOptions{}), Acknowledgements: acks{}, Probes: &Probes{}})
			if err != nil {
				t.Fatal(err)
			}
			s, ok := g.Step(c.step)
			if !ok {
				t.Fatalf("there is no step %s", c.step)
			}
			err = s.Apply(t.Context(), &engine.Run{})
			if c.loads != (net.n == 1) || c.loads != (err == nil) {
				t.Fatalf("%d loads, %v", net.n, err)
			}
			if err == nil {
				return
			}
			if got := problem.From(err); got.Code != problem.ChangePending || got.Hint == "" {
				t.Errorf("refused with %+v", got)
			}
		})
	}
}
