package phase

import (
	"context"
	"slices"
	"strings"

	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/pkg/netfw"
	"github.com/waddle-social/waddle/pkg/netfw/confirm"
)

// inForce is the configuration with the profiles that are in force. Before the
// first change of the profile that is phase 0's. Where rules are in the files for
// the boot and nothing says which they are, it is what they are: whoever takes
// the state of a lockdown away has not said that the host is to be opened.
func inForce(c netfw.RuleConfig, w confirm.Wanted) netfw.RuleConfig {
	c.Boot = w.Boot
	if c.Boot == "" {
		c.Boot = profileOf(c, w.BootRules)
	}
	c.Profile = w.Live
	if c.Profile == "" {
		c.Profile = c.Boot
	}
	if e := w.Emergency; e != nil {
		c.Profile = netfw.Emergency
		c.Exceptions = []netfw.Exception{{Sources: e.Sources, TCP: e.Ports}}
	}
	return c
}

// remembered is inForce, and asks the kernel when the files are lost as well.
func remembered(ctx context.Context, net Network, c netfw.RuleConfig, w confirm.Wanted) (netfw.RuleConfig, error) {
	if w.Boot != "" || w.Live != "" || w.BootRules != nil {
		return inForce(c, w), nil
	}
	locked := c
	locked.Profile, locked.Boot = netfw.Lockdown, netfw.Lockdown
	f, err := net.LookRules(ctx, locked)
	if err != nil || slices.ContainsFunc(f.Differences, isLoaded) {
		return inForce(c, w), err
	}
	return locked, nil
}

// isLoaded tells a difference in the kernel from one in a file.
func isLoaded(d netfw.Difference) bool { return !strings.HasPrefix(d.Object, "file ") }

// ProfileOf names the rules by what they are on this platform: phase 0's profile
// unless they are those of another.
func ProfileOf(p *platform.Platform, set *netfw.RuleSet) netfw.Profile {
	return profileOf(Rules(p), set)
}

// profileOf goes by the input chain, in which the profiles differ.
func profileOf(c netfw.RuleConfig, set *netfw.RuleSet) netfw.Profile {
	c.Parts = netfw.PartInput
	for _, p := range []netfw.Profile{netfw.Lockdown, netfw.Open} {
		c.Profile = p
		want, err := netfw.Rules(c)
		if err == nil && set != nil && sameInput(want.V4, set.V4) && sameInput(want.V6, set.V6) {
			return p
		}
	}
	return netfw.Initial
}

func sameInput(want, is []netfw.Chain) bool {
	at := func(chains []netfw.Chain) int {
		return slices.IndexFunc(chains, func(c netfw.Chain) bool { return c.Hook == "INPUT" })
	}
	w, i := at(want), at(is)
	return w >= 0 && i >= 0 && slices.Equal(want[w].Rules, is[i].Rules)
}
