package machines

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/hostfacts"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/pkg/vms"
)

// Work is what a step of a phase does: its Check, Apply and Undo.
type Work struct {
	Check func(context.Context) (engine.Result, error)
	Apply func(context.Context, *engine.Run) error
	Undo  *engine.Undo
}

// undoGrace is how long a guest may take to shut down before it is deleted.
const undoGrace = time.Minute

// set is some VMs of the platform that one step keeps.
type set struct {
	s        *Service
	p        *platform.Platform
	image    source
	specs    func(image string) []vms.Spec
	snippets []snippet
}

// TeleportVM keeps the Teleport VM.
func (s *Service) TeleportVM(p *platform.Platform) Work {
	return set{s, p, debian(p), func(image string) []vms.Spec { return []vms.Spec{teleportSpec(p, image)} }, teleportSnippets(p)}.work()
}

// TalosVMs keeps the Talos nodes.
func (s *Service) TalosVMs(p *platform.Platform) Work {
	return set{s, p, talos(p), func(image string) []vms.Spec { return nodeSpecs(p, image) }, nil}.work()
}

func (x set) work() Work {
	return Work{Check: x.check, Apply: x.apply, Undo: &engine.Undo{Capture: x.capture, Show: x.show, Apply: x.undo}}
}

// wanted are the specs. A VM that was made keeps its image: another one is for VMs
// that are made from now on, and systems upgrade themselves.
func (x set) wanted() ([]vms.Spec, error) {
	volume, err := x.image.volume(x.p)
	if err != nil {
		return nil, err
	}
	all := x.specs(volume)
	for i := range all {
		rec, made, err := x.s.records.Get(all[i].Name)
		if err != nil {
			return nil, err
		}
		if from := rec.Images[bootDisk]; made && from != "" {
			all[i].Disks[0].Image = from
		}
	}
	return all, nil
}

func (x set) check(ctx context.Context) (engine.Result, error) {
	driver, _, err := x.s.drivers(x.p)
	if err != nil {
		return engine.Result{}, err
	}
	all, err := x.wanted()
	if err != nil {
		return engine.Result{}, err
	}
	var found engine.Result
	for _, spec := range all {
		one, err := x.s.look(ctx, driver, spec)
		if err != nil {
			return engine.Result{}, err
		}
		found.Differences = append(found.Differences, one.Differences...)
		found.Notes = append(found.Notes, one.Notes...)
	}
	files, err := x.lookSnippets()
	if err != nil {
		return engine.Result{}, err
	}
	r := engine.Found(append(files, found.Differences...)...)
	r.Notes = found.Notes
	return r, nil
}

// look is what differs between one VM and what is wanted of it.
func (s *Service) look(ctx context.Context, driver *vms.Driver, spec vms.Spec) (engine.Result, error) {
	f, err := driver.Look(ctx, spec)
	if other, ok := errors.AsType[*vms.Error](err); ok && slices.Contains([]vms.Kind{vms.KindTaken, vms.KindNotOurs, vms.KindLeftover}, other.Kind) {
		return engine.Found(engine.Difference{
			Kind: engine.Conflict, Object: "VM " + spec.Name, Is: other.Detail, Want: fmt.Sprintf("VM %d of waddle's", spec.ID), Note: other.Hint,
		}), nil
	}
	if err != nil {
		return engine.Result{}, refused(err)
	}
	var r engine.Result
	for _, d := range f.Differences {
		r.Differences = append(r.Differences, difference(spec, d))
	}
	if len(f.With(vms.EffectCreate)) > 0 {
		if err := s.gone(spec, &r); err != nil {
			return r, err
		}
	}
	for _, n := range f.Notes {
		r.Notes = append(r.Notes, spec.Name+": "+n)
	}
	// Of one whose making was interrupted the driver has said it.
	said := slices.ContainsFunc(f.Differences, func(d vms.Difference) bool { return d.Object == "power" })
	if f.Exists && !f.Running && !said && len(f.With(vms.EffectCreate)) == 0 {
		off, onPurpose, err := s.records.off(spec.Name)
		switch {
		case err != nil:
			return r, err
		case f.Lock != "": // a backup may have it off for a while
			r.Notes = append(r.Notes, fmt.Sprintf("%s is off, and something holds it: %s", spec.Name, f.Lock))
		case onPurpose:
			r.Notes = append(r.Notes, fmt.Sprintf("%s is off: %s has stopped it at %s", spec.Name, off.By, off.At.Format(time.RFC3339)))
		default:
			r.Differences = append(r.Differences, engine.Difference{Kind: engine.Change, Object: "VM " + spec.Name + " power", Is: "off", Want: "running",
				Note: "to keep it off: waddle vm stop " + spec.Name})
		}
	}
	return r, nil
}

// gone: a VM that was there and is not is made by nobody but the operator, for its
// disks went with it.
func (s *Service) gone(spec vms.Spec, r *engine.Result) error {
	rec, made, err := s.records.Get(spec.Name)
	if err != nil {
		return err
	}
	off, is, err := s.records.off(spec.Name)
	if err != nil {
		return err
	}
	note := ""
	switch {
	case is && off.Deleted:
		note = fmt.Sprintf("%s has deleted it at %s", off.By, off.At.Format(time.RFC3339))
	case made && rec.State == vms.StateReady:
		note = "somebody else has deleted it"
	default:
		return nil
	}
	for i := range r.Differences {
		if d := &r.Differences[i]; d.Kind == engine.Create {
			d.Kind, d.Note = engine.Manual, note+", and its disks with it; to make it anew: waddle vm recreate "+spec.Name
		}
	}
	return nil
}

// difference is the driver's in the engine's words. What only a boot or a new VM
// brings about is left to the operator.
func difference(spec vms.Spec, d vms.Difference) engine.Difference {
	out := engine.Difference{Kind: engine.Change, Object: "VM " + spec.Name + " " + d.Object, Is: d.Is, Want: d.Want, Note: d.Note}
	switch {
	case d.Effect == vms.EffectCreate:
		out.Kind, out.Object = engine.Create, d.Object
	case d.Effect == vms.EffectRecreate:
		out.Kind, out.Note = engine.Manual, joined(d.Note, "only a new VM has it, and the disks of this one are lost: waddle vm recreate "+spec.Name)
	case d.Effect == vms.EffectReboot && d.Waits:
		out.Kind, out.Note = engine.Manual, joined(d.Note, "waddle vm reboot "+spec.Name)
	case d.Effect == vms.EffectReboot:
		out.Note = joined(d.Note, "it is set, and true when the VM has booted: waddle vm reboot "+spec.Name)
	}
	return out
}

func joined(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

// snippetDir is where the storage that takes snippets has them.
func (x set) snippetDir() (string, error) {
	path, err := hostfacts.StoragePath(x.s.o.StorageCfg, string(x.p.Spec.Host.Storages.Snippets))
	return path + "/snippets", err
}

func (x set) lookSnippets() ([]engine.Difference, error) {
	if len(x.snippets) == 0 {
		return nil, nil
	}
	dir, err := x.snippetDir()
	if err != nil {
		return nil, err
	}
	absent, err := missing(dir, x.snippets)
	var out []engine.Difference
	for _, s := range absent {
		out = append(out, engine.Difference{Kind: engine.Create, Object: "file " + dir + "/" + s.name, Want: fmt.Sprintf("%d bytes, for root alone", len(s.text))})
	}
	return out, err
}

func (x set) writeSnippets() error {
	if len(x.snippets) == 0 {
		return nil
	}
	dir, err := x.snippetDir()
	if err != nil {
		return err
	}
	return x.s.write(dir, x.snippets)
}

func (x set) apply(ctx context.Context, run *engine.Run) error {
	driver, cache, err := x.s.drivers(x.p)
	if err != nil {
		return err
	}
	all, err := x.wanted()
	if err != nil {
		return err
	}
	tell := newTeller(run)
	if err := x.writeSnippets(); err != nil {
		return err
	}
	if all, err = x.toKeep(ctx, driver, all); err != nil {
		return err
	}
	release, err := x.haveImage(ctx, driver, cache, all, tell)
	if err != nil {
		return err
	}
	defer release()
	if _, err := driver.WithProgress(tell.task).EnsureAll(ctx, all, vms.Consent{}); err != nil {
		return refused(err)
	}
	return x.power(ctx, driver.WithProgress(tell.task), all)
}

// toKeep leaves out the VMs that only the operator makes again.
func (x set) toKeep(ctx context.Context, driver *vms.Driver, all []vms.Spec) (keep []vms.Spec, err error) {
	for _, spec := range all {
		r, err := x.s.look(ctx, driver, spec)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(r.Differences, func(d engine.Difference) bool { return d.Kind == engine.Manual && d.Object == "VM "+spec.Name }) {
			keep = append(keep, spec)
		}
	}
	return keep, nil
}

// haveImage has the image in the storage as long as VMs are made of it, when one is
// to be made.
func (x set) haveImage(ctx context.Context, driver *vms.Driver, cache cacheOf, all []vms.Spec, tell *teller) (release func(), err error) {
	release = func() {}
	for i, spec := range all {
		f, err := driver.Look(ctx, spec)
		if err != nil {
			release()
			return nil, refused(err)
		}
		if len(f.With(vms.EffectCreate)) == 0 {
			continue
		}
		image, err := x.image.image(x.p)
		if err != nil {
			return nil, err
		}
		release()
		use, err := cache.Ensure(ctx, image, tell.download)
		if err != nil {
			return nil, refusedImage(err)
		}
		all[i].Disks[0].Image, release = use.ID, use.Release
	}
	return release, nil
}

// power starts what is off and not so on purpose.
func (x set) power(ctx context.Context, driver *vms.Driver, all []vms.Spec) error {
	for _, spec := range all {
		if _, off, err := x.s.records.off(spec.Name); err != nil || off {
			if err != nil {
				return err
			}
			continue
		}
		if err := driver.Start(ctx, spec.Name); err != nil {
			return refused(err)
		}
	}
	return nil
}

// before is what an undo leaves alone.
type before struct {
	VMs []string `json:"vms"` // that were ours before the first apply
}

func (x set) capture(context.Context) (json.RawMessage, error) {
	var b before
	for _, spec := range x.specs("") {
		if _, there, err := x.s.records.Get(spec.Name); err != nil {
			return nil, err
		} else if there {
			b.VMs = append(b.VMs, spec.Name)
		}
	}
	return json.Marshal(b)
}
