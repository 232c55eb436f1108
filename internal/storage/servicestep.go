package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/waddle-social/waddle/internal/csigate/keys"
	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/pkg/iscsi"
)

// TargetBefore is what was there before the first apply.
type TargetBefore struct {
	// Ready is whether the kernel's target was set up already.
	Ready bool `json:"ready"`
	// Links are those by which a boot started targetcli's restore, and what each
	// led to.
	Links map[string]string `json:"links,omitempty"`
}

// LookTarget compares the kernel's target, the targets, the endpoint and what an
// older host has with what the platform wants.
func (s *Service) LookTarget(ctx context.Context, p *platform.Platform) (Finding, error) {
	b, err := s.Of(ctx, p)
	if err != nil {
		return Finding{}, err
	}
	var f Finding
	if _, err := b.iscsi.List(ctx); errors.Is(err, iscsi.ErrNotReady) {
		f.Differences = append(f.Differences, engine.Difference{Kind: engine.Create, Object: "iSCSI target of the kernel", Want: "configfs mounted, target_core_mod, target_core_iblock and iscsi_target_mod loaded"})
	} else if err != nil {
		return f, err
	} else if err := b.lookTargets(ctx, &f); err != nil {
		return f, err
	}
	b.lookRestore(&f)
	s.lookEndpoint(p, &f)
	return f, nil
}

// lookTargets adds what Repair and Adopt would do.
func (b *Backend) lookTargets(ctx context.Context, f *Finding) error {
	w, err := b.collect(ctx)
	if problem.Is(err, problem.NeedsNotDone) {
		return nil // without a dataset there are no volumes
	}
	if err != nil {
		return err
	}
	found, err := b.examine(ctx, w)
	if err != nil {
		return err
	}
	in, err := b.blocking(ctx, func(iqn string) bool {
		return slices.ContainsFunc(w.entries, func(e *entry) bool { return older(e, w) && b.iscsi.Base().String()+":"+e.asset == iqn })
	})
	if err != nil {
		return err
	}
	for _, iqn := range in {
		f.Differences = append(f.Differences, engine.Difference{Kind: engine.Conflict, Object: "target " + iqn, Is: "listens on all addresses", Want: "one address of its own",
			Note: "as long as it does, " + b.policy.Portal.String() + " cannot be opened: change its portal with targetcli"})
	}
	for _, o := range found {
		if d, repairs := o.difference(); repairs {
			f.Differences = append(f.Differences, d)
		} else if o.Kind == OlderVolume {
			f.Differences = append(f.Differences, engine.Difference{Kind: engine.Adopt, Object: o.Object, Is: "an older host's", Want: "waddle's own", Note: "who is logged in stays so"})
		} else {
			f.Notes = append(f.Notes, fmt.Sprintf("%s: %s (%s)", o.Object, o.Detail, o.Advice))
		}
	}
	return nil
}

// difference is what Repair would do about a finding; false when it does nothing.
func (f finding) difference() (engine.Difference, bool) {
	switch {
	case f.gone != nil, f.backstore != nil:
		return engine.Difference{Kind: engine.Remove, Object: f.Object, Is: f.Detail}, true
	case f.grown != nil:
		return engine.Difference{Kind: engine.Change, Object: f.Object, Is: f.Detail, Want: "its size"}, true
	case f.target != nil && f.Detail == noTarget:
		return engine.Difference{Kind: engine.Change, Object: f.Object, Is: noTarget, Want: "exported as target " + f.target.IQN.String()}, true
	case f.target != nil:
		return engine.Difference{Kind: engine.Change, Object: f.Object, Want: f.Detail}, true
	}
	return engine.Difference{}, false
}

func (b *Backend) lookRestore(f *Finding) {
	r := b.restoreAtBoot()
	switch {
	case !r.Enabled:
	case len(r.Foreign) > 0:
		f.Notes = append(f.Notes, r.warning())
	default:
		for _, link := range r.Links {
			f.Differences = append(f.Differences, engine.Difference{Kind: engine.Adopt, Object: "link " + link, Is: "starts targetcli's restore at boot",
				Note: "waddle restores the targets from the volumes; the two would get in each other's way"})
		}
	}
}

func (s *Service) lookEndpoint(p *platform.Platform, f *Finding) {
	address := endpointAddress(p)
	for _, name := range []string{"host_ed25519", "client_ed25519"} {
		path := filepath.Join(s.o.Machine.Keys, name)
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			f.Differences = append(f.Differences, engine.Difference{Kind: engine.Create, Object: "key " + path, Want: "an ed25519 key of the storage endpoint"})
		}
	}
	if e := s.Endpoint(); !s.wanted() || !e.Serving || e.Address != address {
		d := engine.Difference{Kind: engine.Create, Object: "endpoint " + address, Want: "served to the cluster's nodes"}
		if s.wanted() {
			d.Kind, d.Is = engine.Change, "not served: "+e.Reason
		}
		f.Differences = append(f.Differences, d)
	}
}

// startWait bounds how long an apply waits for the endpoint.
const startWait = 30 * time.Second

// ApplyTarget makes it so.
func (s *Service) ApplyTarget(ctx context.Context, p *platform.Platform, adopt bool) error {
	b, err := s.Of(ctx, p)
	if err != nil {
		return err
	}
	if err := b.iscsi.Prepare(ctx); err != nil {
		return problem.Wrap(problem.HostUnsuitable, err, "the running kernel needs LIO (target_core_mod, iscsi_target_mod); every Proxmox VE kernel has it", "cannot serve volumes")
	}
	f, err := s.LookTarget(ctx, p)
	if err != nil {
		return err
	}
	if err := f.settled(adopt); err != nil {
		return err
	}
	if adopt {
		done, err := b.Adopt(ctx)
		if err != nil {
			return err
		}
		if err := failures(done.Volumes, "take over"); err != nil {
			return err
		}
	}
	done, err := b.Repair(ctx)
	if err != nil {
		return err
	}
	if err := failures(done, "repair"); err != nil {
		return err
	}
	if err := s.o.Machine.seam("storage:keys"); err != nil {
		return err
	}
	if _, err := keys.Ensure(s.o.Machine.Keys); err != nil {
		return err
	}
	if !s.wanted() { // otherwise who serves notes it, once nothing runs under the old one any more
		if err := s.note(p); err != nil {
			return err
		}
	}
	return s.served(ctx, p)
}

// served waits until the endpoint is served as the platform wants it.
func (s *Service) served(ctx context.Context, p *platform.Platform) error {
	s.PlatformChanged()
	p, _, err := s.standing(ctx, p)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	address := endpointAddress(p)
	e, err := s.await(ctx, func(e Endpoint) bool { return e.Serving && e.Address == address && e.of == identityOf(p) })
	if err != nil {
		return problem.New(problem.HostUnsuitable, "see waddle storage status and the daemon's log: journalctl -u waddled", "the storage endpoint is not served at %s within %s: %s", address, startWait, e.Reason)
	}
	return nil
}

// failures is one error for all that could not be done. With many it names some:
// it is kept in the journal and shown on a line.
func failures(done []Repaired, what string) error {
	const most = 10
	var all []error
	for _, r := range done {
		if r.Err != nil {
			all = append(all, fmt.Errorf("cannot %s %s: %w", what, r.Object, r.Err))
		}
	}
	if n := len(all); n > most {
		all = append(all[:most], fmt.Errorf("%d more could not be done either: waddle storage orphans", n-most))
	}
	return errors.Join(all...)
}

// CaptureTarget records what is there.
func (s *Service) CaptureTarget(ctx context.Context, p *platform.Platform) (TargetBefore, error) {
	b, err := s.Of(ctx, p)
	if err != nil {
		return TargetBefore{}, err
	}
	before := TargetBefore{Links: map[string]string{}}
	_, err = b.iscsi.List(ctx)
	before.Ready = err == nil
	for _, link := range b.restoreLinks() {
		to, err := os.Readlink(b.m.at(link))
		if err != nil {
			return before, fmt.Errorf("cannot read how targetcli's restore is started: %w", err)
		}
		before.Links[link] = to
	}
	return before, nil
}

// ShowUndoTarget says what UndoTarget would do.
func (s *Service) ShowUndoTarget(ctx context.Context, p *platform.Platform, before TargetBefore) ([]engine.Difference, error) {
	b, err := s.Of(ctx, p)
	if err != nil {
		return nil, err
	}
	var ds []engine.Difference
	if s.wanted() {
		ds = append(ds, engine.Difference{Kind: engine.Remove, Object: "endpoint " + endpointAddress(p), Is: "served", Note: "its keys are kept, for another apply"})
	}
	for link, to := range before.Links {
		if _, err := os.Lstat(b.m.at(link)); errors.Is(err, fs.ErrNotExist) {
			ds = append(ds, engine.Difference{Kind: engine.Create, Object: "link " + link, Want: to})
		}
	}
	found, err := b.iscsi.List(ctx)
	if err != nil {
		return ds, nil // no kernel target, no targets
	}
	if !before.Ready && len(found.Targets)+len(found.Foreign) == 0 {
		ds = append(ds, engine.Difference{Kind: engine.Remove, Object: "iSCSI target of the kernel", Is: "set up, without targets"})
	}
	var names []string
	for _, t := range found.Targets {
		names = append(names, t.IQN.String())
	}
	if len(names) > 0 {
		ds = append(ds, engine.Difference{Kind: engine.Conflict, Object: counted(len(names), "target", "targets"), Is: strings.Join(names, ", "), Note: "delete the volumes first: waddle storage volumes"})
	}
	return ds, nil
}

// UndoTarget ends the serving of the endpoint and puts targetcli's restore back.
// As long as there are targets it is refused: nobody would look after them.
func (s *Service) UndoTarget(ctx context.Context, p *platform.Platform, before TargetBefore) error {
	ds, err := s.ShowUndoTarget(ctx, p, before)
	if err != nil {
		return err
	}
	if err := (Finding{Differences: ds}).settled(true); err != nil {
		return err
	}
	if err := s.unnote(); err != nil {
		return err
	}
	s.PlatformChanged()
	stopping, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	if _, err := s.await(stopping, func(e Endpoint) bool { return !e.Serving }); err != nil {
		return fmt.Errorf("cannot stop the storage endpoint: its commands did not end within %s: %w", startWait, err)
	}
	if !before.Ready {
		b, err := s.Of(ctx, p)
		if err != nil {
			return err
		}
		if err := b.iscsi.Retire(ctx); err != nil {
			return err
		}
	}
	for link, to := range before.Links {
		path := filepath.Join("/", s.o.Machine.Root, link)
		if _, err := os.Lstat(path); err == nil {
			continue
		}
		if err := s.o.Machine.seam("storage:restore " + link); err != nil {
			return err
		}
		if err := os.Symlink(to, path); err != nil {
			return fmt.Errorf("cannot put targetcli's restore back: %w", err)
		}
	}
	return nil
}
