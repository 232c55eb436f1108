package server

import (
	"maps"
	"math"
	"slices"
	"time"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/firewall"
	"github.com/waddle-social/waddle/internal/server/api"
	"github.com/waddle-social/waddle/pkg/netfw"
	"github.com/waddle-social/waddle/pkg/netfw/confirm"
)

func (h handlers) firewallOf(st firewall.Status) api.Firewall {
	out := api.Firewall{BootProfile: string(st.Boot), LiveProfile: string(st.Live)}
	if c := st.Confirmed; c != nil {
		out.Confirmed = &api.FirewallConfirmed{ID: c.ID, Profile: string(c.Profile), At: c.At, By: c.By, ConfirmedBy: c.ConfirmedBy, Over: c.Over}
	}
	if p := st.Pending; p != nil {
		pending := h.pendingOf(*p)
		out.Pending = &pending
	}
	if e := st.Emergency; e != nil {
		emergency := h.emergencyOf(*e)
		out.Emergency = &emergency
	}
	if l := st.Last; l != nil {
		out.Last = &api.FirewallOutcome{ID: l.ID, Profile: string(l.Profile), Result: string(l.Result), Reason: l.Reason, At: l.At}
	}
	if st.Damaged != nil {
		out.Damaged = st.Damaged.Error()
	}
	for _, vm := range slices.Sorted(maps.Keys(st.Pins)) {
		pin := api.FirewallPin{VM: vm}
		for _, a := range st.Pins[vm] {
			pin.Addresses = append(pin.Addresses, a.String())
		}
		out.Pins = append(out.Pins, pin)
	}
	for _, c := range st.Chains {
		out.Rules = append(out.Rules, each(c.Rules, func(r netfw.SeenRule) api.FirewallRule { return ruleOf(c, r) })...)
	}
	return out
}

func (h handlers) pendingOf(p confirm.Pending) api.FirewallPending {
	return api.FirewallPending{
		ID: p.ID, Profile: string(p.Profile), ArmedAt: p.ArmedAt, Until: p.Deadline.Wall, SecondsLeft: seconds(h.o.Firewall.Left(p.Deadline)),
		By: p.By, From: p.From, Guard: p.Guard, Forced: p.Forced,
	}
}

func (h handlers) emergencyOf(e confirm.Emergency) api.FirewallEmergency {
	out := api.FirewallEmergency{
		ID: e.ID, Until: e.Until.Wall, SecondsLeft: seconds(h.o.Firewall.Left(e.Until)), By: e.By, Basis: e.Basis, Guard: e.Guard,
		From: []string{}, Ports: []int{},
	}
	for _, s := range e.Sources {
		out.From = append(out.From, s.String())
	}
	for _, p := range e.Ports {
		out.Ports = append(out.Ports, int(p))
	}
	return out
}

func seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }

// ruleOf is a loaded rule with what it has counted, in the contract's type,
// which has no unsigned numbers.
func ruleOf(c netfw.SeenChain, r netfw.SeenRule) api.FirewallRule {
	packets, bytes := int64(min(r.Packets, math.MaxInt64)), int64(min(r.Bytes, math.MaxInt64))
	return api.FirewallRule{Family: api.FirewallRuleFamily(familyOf(c.Family)), Table: c.Table, Chain: c.Name, Rule: r.Rule, Packets: &packets, Bytes: &bytes}
}

func familyOf(f netfw.Family) string {
	switch f {
	case netfw.IPv6:
		return "ipv6"
	case netfw.BridgePins:
		return "bridge"
	}
	return "ipv4"
}

func ruleDifferenceOf(d netfw.Difference) api.Difference {
	return differenceOf(engine.Difference{Kind: engine.Kind(d.Kind), Object: d.Object, Is: d.Is, Want: d.Want, Note: d.Note})
}

func decisionOf(a firewall.Answer) api.FirewallDecision {
	out := api.FirewallDecision{
		Verdict: "allowed", Family: api.FirewallDecisionFamily(familyOf(a.Packet.Family)),
		From: a.Packet.Src.String(), To: a.Packet.Dst.String(), Port: int(a.Packet.DPort), Protocol: a.Packet.Proto,
		Path: a.Path(), Chain: a.Chain, Rule: a.Text, Profile: string(a.Profile), Note: a.Note,
	}
	if a.Verdict == netfw.Drop {
		out.Verdict = "dropped"
	}
	return out
}
