package netfw

import (
	"context"
	"fmt"
)

// lookOthers says what beside iptables' own rules decides about packets.
func (d *Driver) lookOthers(ctx context.Context, f *Finding, l *rulesLook) error {
	if l.cfg.Profile == Open || l.cfg.Parts&PartInput == 0 {
		return nil
	}
	if line := d.otherFlavour(ctx, l.tools); line != "" {
		f.note("%s", line)
	}
	dropping, err := droppingTables()
	if err != nil { // no reason to leave our own rules unlooked at
		f.note("other nftables tables were not looked at: %v", err)
	}
	for _, line := range dropping {
		f.note("%s", line)
	}
	if err := d.lookFirewallBridges(f, l); err != nil {
		return err
	}
	if err := d.lookPVE(f, l.cfg, l.set); err != nil {
		return fmt.Errorf("cannot look at pve-firewall: %w", err)
	}
	return nil
}
