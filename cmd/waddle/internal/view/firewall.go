package view

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/waddle-social/waddle/client"
)

// Firewall is the firewall's profile, what is pending, and waddle's own rules
// where they are in the answer.
func Firewall(f client.Firewall, counters bool, st Look) string {
	var b strings.Builder
	fmt.Fprintf(&b, "profile: %s", st.Bold(Printable(f.LiveProfile)))
	if f.BootProfile != f.LiveProfile {
		fmt.Fprintf(&b, ", a boot loads %s", Printable(f.BootProfile))
	}
	b.WriteString("\n")
	if f.Damaged != "" {
		b.WriteString(st.Bad("damaged: ") + Printable(f.Damaged) + "\n")
	}
	if c := f.Confirmed; c != nil {
		fmt.Fprintf(&b, "confirmed: %s (%s) at %s, set by %s%s\n", Printable(c.Profile), c.ID, stamp(c.At), Printable(c.By), confirmedBy(c.ConfirmedBy))
	}
	if p := f.Pending; p != nil {
		b.WriteString(FirewallPending(*p, st))
	}
	if e := f.Emergency; e != nil {
		b.WriteString(FirewallEmergency(*e))
	}
	if l := f.Last; l != nil {
		fmt.Fprintf(&b, "last change: %s (%s) was %s at %s: %s\n", Printable(l.Profile), l.ID, Printable(l.Result), stamp(l.At), Printable(l.Reason))
	}
	for _, p := range f.Pins {
		fmt.Fprintf(&b, "pinned to VM %d: %s\n", p.VM, Printable(strings.Join(p.Addresses, ", ")))
	}
	return b.String() + firewallRules(f.Rules, counters, st)
}

func confirmedBy(who string) string {
	if who == "" {
		return ""
	}
	return ", confirmed by " + Printable(who)
}

// FirewallPending is a change that waits, and what to do about it.
func FirewallPending(p client.FirewallPending, st Look) string {
	forced := ""
	if p.Forced {
		forced = st.Warn(" (forced)")
	}
	out := fmt.Sprintf("pending: %s (%s)%s by %s from %s\n  rolls back in %d s, at %s (%s)\n  to keep it, over a new connection: waddle firewall confirm\n",
		st.Bold(Printable(p.Profile)), p.ID, forced, Printable(p.By), Printable(p.From), p.SecondsLeft, stamp(p.Until), Printable(p.Guard))
	if p.Note != "" {
		out += "  " + st.Warn("note: ") + Printable(p.Note) + "\n"
	}
	return out
}

// FirewallEmergency is who is let in, and until when.
func FirewallEmergency(e client.FirewallEmergency) string {
	ports := make([]string, len(e.Ports))
	for i, p := range e.Ports {
		ports[i] = strconv.Itoa(p)
	}
	return fmt.Sprintf("emergency: %s: TCP %s open to %s, by %s; everything else as in %s\n  ends in %d s, at %s (%s), or with: waddle firewall emergency --end\n",
		e.ID, strings.Join(ports, ", "), Printable(strings.Join(e.From, ", ")), Printable(e.By), Printable(e.Basis), e.SecondsLeft, stamp(e.Until), Printable(e.Guard))
}

func firewallRules(all []client.FirewallRule, counters bool, st Look) string {
	var b strings.Builder
	last := ""
	for _, r := range all {
		if head := fmt.Sprintf("%s %s %s", r.Family, r.Table, r.Chain); head != last {
			last = head
			b.WriteString("\n" + st.Bold(Printable(head)) + "\n")
		}
		if counters {
			b.WriteString(st.Dim(fmt.Sprintf("%10s %12s", number(r.Packets), number(r.Bytes))))
		}
		b.WriteString("  " + Printable(r.Rule) + "\n")
	}
	return b.String()
}

func number(n *int64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatInt(*n, 10)
}

// FirewallDiff is both comparisons.
func FirewallDiff(d client.FirewallDiff, st Look) string {
	if len(d.Pending)+len(d.Drift) == 0 {
		return "no differences: what is confirmed is loaded\n"
	}
	var b strings.Builder
	for _, part := range []struct {
		title string
		all   []client.Difference
	}{{"pending, against what is confirmed:", d.Pending}, {"loaded, against what should be:", d.Drift}} {
		if len(part.all) == 0 {
			continue
		}
		b.WriteString(st.Bold(part.title) + "\n")
		for _, one := range part.all {
			b.WriteString(difference(one, st))
		}
	}
	return b.String()
}

// FirewallDecision is what becomes of a connection, and by which rule.
func FirewallDecision(d client.FirewallDecision, st Look) string {
	verdict := st.Good("allowed")
	if d.Verdict == client.FirewallDecisionVerdict("dropped") {
		verdict = st.Bad("dropped")
	}
	rule := "no rule of waddle's"
	if d.Rule != "" {
		rule = Printable(d.Chain + ": " + d.Rule)
	}
	out := fmt.Sprintf("%s by %s\n  %s %s from %s to %s, %s, profile %s\n", verdict, rule,
		d.Family, Printable(d.Protocol), Printable(d.From), target(d), Printable(d.Path), Printable(d.Profile))
	if d.Note != "" {
		out += "  " + Printable(d.Note) + "\n"
	}
	return out
}

func target(d client.FirewallDecision) string {
	if d.Port == 0 {
		return Printable(d.To)
	}
	return fmt.Sprintf("%s port %d", Printable(d.To), d.Port)
}
