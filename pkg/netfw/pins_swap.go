package netfw

import (
	"strings"
)

// pinSwap is what a load does to the pins beside the chains of iptables.
type pinSwap struct {
	want []string
	is   bridgePins
	skip bool // the load is not about them
}

func (s pinSwap) needed() bool { return !s.skip && !s.is.same(s.want) }

// loadAround changes the pins around a load of the chains: before it a frame
// has to pass the former and the new pins, after it only the new ones. So none
// passes that the former rules drop by a pin and the new ones by a chain, or
// the other way round.
func (d *Driver) loadAround(s pinSwap, load func() error) error {
	if !s.needed() {
		return load()
	}
	former := s.is.known()
	if len(s.want) > 0 {
		if err := d.loadPins(s.want, former); err != nil {
			return err
		}
	}
	if err := load(); err != nil {
		return err
	}
	if len(s.want) > 0 && len(former) == 0 {
		return nil
	}
	return d.loadPins(s.want)
}

// known are the rules that can be loaded again.
func (p bridgePins) known() []string {
	var out []string
	for _, text := range p.chain.texts() {
		if _, err := parsePin(text); err == nil {
			out = append(out, text)
		}
	}
	return out
}

func pinsIn(s RuleSet) []string {
	if len(s.Pins) == 0 {
		return nil
	}
	return s.Pins[0].Rules
}

// lookPins compares the pins in the kernel with those that are wanted.
func lookPins(f *Finding, want []string, is bridgePins) {
	if is.same(want) {
		return
	}
	x := Difference{Kind: Change, Object: ruleObject(BridgePins, pinTable, pinChain), Is: strings.Join(is.chain.texts(), "\n"), Want: strings.Join(want, "\n"), Note: is.strange}
	switch {
	case !is.exists:
		x.Kind = Create
	case len(want) == 0:
		x.Kind = Remove
	}
	f.add(x)
}
