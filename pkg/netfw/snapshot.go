package netfw

import "context"

// snapshot is what a look at the kernel's rules saw.
type snapshot struct {
	generation uint32 // 0 with the legacy flavour, which has none
	rules      map[Family]saved
	pins       bridgePins
	closed     bool // by Close
}

// Ready finds the commands and lists the rules, so that a LoadRules that follows
// starts no process but those that load, unless somebody has changed the rules
// meanwhile. It changes nothing.
func (d *Driver) Ready(ctx context.Context) error {
	_, _, err := d.snapshotRules(ctx)
	return err
}

// snapshotRules lists the rules of both families. With the nf_tables flavour it
// starts no process when the ruleset's generation is that of the last look.
func (d *Driver) snapshotRules(ctx context.Context) (*snapshot, *tools, error) {
	d.look.Lock()
	defer d.look.Unlock()
	t, err := d.findTools()
	if err != nil {
		return nil, nil, err
	}
	before := uint32(0)
	if t.flavour == NFTables {
		if before, err = generation(); err != nil {
			return nil, nil, err
		}
		if d.last != nil && d.last.generation == before {
			return d.last, t, nil
		}
	}
	s, err := d.freshSnapshot(ctx, t)
	if err != nil {
		return nil, nil, err
	}
	d.last = nil
	if t.flavour == NFTables {
		// A change between the two listings would make one of them old.
		if after, err := generation(); err == nil && after == before {
			s.generation = after
			d.last = s
		}
	}
	return s, t, nil
}

func (d *Driver) freshSnapshot(ctx context.Context, t *tools) (*snapshot, error) {
	s := &snapshot{rules: map[Family]saved{}}
	for _, f := range families {
		rules, err := d.save(ctx, t, f)
		if err != nil {
			return nil, err
		}
		s.rules[f] = rules
	}
	var err error
	if s.pins, err = savedPins(); err == nil {
		s.closed, err = isClosed()
	}
	return s, err
}
