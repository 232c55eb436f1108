package machines

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/pkg/vms"
)

// The verbs of the actions that there are.
const (
	VMStart          = "vm.start"
	VMStop           = "vm.stop"
	VMShutdown       = "vm.shutdown"
	VMReboot         = "vm.reboot"
	VMDelete         = "vm.delete"
	VMRecreate       = "vm.recreate"
	VMAdopt          = "vm.adopt"
	VMSnapshot       = "vm.snapshot"
	VMRollback       = "vm.rollback"
	VMSnapshotDelete = "vm.snapshot-rm"
	ImagePull        = "image.pull"
	ImagePrune       = "image.prune"
)

// Args are what an action is asked for with, as the journal keeps it.
type Args struct {
	By          string        `json:"by,omitempty"`
	Grace       time.Duration `json:"grace,omitempty"` // for the guest's own shutdown
	Force       bool          `json:"force,omitempty"` // stop it when it has not
	UUID        string        `json:"uuid,omitempty"`  // of the VM that is to go
	Snapshot    string        `json:"snapshot,omitempty"`
	Description string        `json:"description,omitempty"`
	Memory      bool          `json:"memory,omitempty"`
	Start       bool          `json:"start,omitempty"`  // after a rollback
	Digest      string        `json:"digest,omitempty"` // of the settings that an adoption has shown
	Images      []string      `json:"images,omitempty"` // to be pruned
	Forget      string        `json:"forget,omitempty"` // the image whose checksum does not count any more
}

// act is one action under way.
type act struct {
	s      *Service
	p      *platform.Platform
	driver *vms.Driver
	name   string
	a      Args
}

// grace is how long a guest may take to shut down when nothing was said.
const grace = time.Minute

// Area is what every change of VMs holds, and ImageArea every change of images.
const (
	Area      = "vms"
	ImageArea = "images"
)

// Actions builds the steps of an action: engine.Options.Actions.
func (s *Service) Actions(ctx context.Context, what engine.Action) (*engine.Graph, error) {
	p, revision, err := s.o.Platform()
	if err != nil {
		return nil, err
	}
	if _, _, _, err := s.ready(); err != nil {
		return nil, err
	}
	var args Args
	if len(what.Args) > 0 {
		if err := json.Unmarshal(what.Args, &args); err != nil {
			return nil, fmt.Errorf("cannot read the arguments of %s: %w", what.Verb, err)
		}
	}
	driver, cache, err := s.drivers(p)
	if err != nil {
		return nil, err
	}
	x := act{s: s, p: p, driver: driver, name: what.Subject, a: args}
	var step engine.Step
	switch what.Verb {
	case ImagePull:
		step, err = x.pull(cache)
	case ImagePrune:
		if step = x.prune(cache); x.a.Forget != "" {
			step = x.forget(cache)
		}
	default:
		step, err = x.vm(ctx, what.Verb)
	}
	if err != nil {
		return nil, err
	}
	return engine.NewGraph(revision, []engine.Step{step})
}

func noToken(err error) error {
	return problem.Wrap(problem.NeedsNotDone, err, AccessInstruction, "Proxmox VE cannot be asked")
}

func (x act) vm(ctx context.Context, verb string) (engine.Step, error) {
	build := map[string]func(context.Context) (engine.Step, error){
		VMStart: x.start, VMStop: x.stop, VMShutdown: x.shutdown, VMReboot: x.reboot, VMDelete: x.delete, VMRecreate: x.recreate,
		VMAdopt: x.adopt, VMSnapshot: x.snapshot, VMRollback: x.rollback, VMSnapshotDelete: x.deleteSnapshot,
	}[verb]
	if build == nil {
		return engine.Step{}, problem.New(problem.InvalidRequest, "ask for another one", "there is no action %q", verb)
	}
	step, err := build(ctx)
	step.ID, step.Area, step.Phase = verb+"/"+x.name, Area, x.phase()
	return step, err
}

// phase is the one whose step keeps the VM.
func (x act) phase() int {
	if x.name == string(x.p.Spec.VMs.Teleport.Name) {
		return 2
	}
	return 4
}

// spec is the VM as the platform wants it, made of the platform's image.
func (x act) spec() (set, vms.Spec, error) {
	for _, k := range []set{
		{x.s, x.p, debian(x.p), func(i string) []vms.Spec { return []vms.Spec{teleportSpec(x.p, i)} }, teleportSnippets(x.p)},
		{x.s, x.p, talos(x.p), func(i string) []vms.Spec { return nodeSpecs(x.p, i) }, nil},
	} {
		volume, err := k.image.volume(x.p)
		if err != nil {
			return set{}, vms.Spec{}, err
		}
		for _, spec := range k.specs(volume) {
			if spec.Name == x.name {
				k.specs = func(string) []vms.Spec { return []vms.Spec{spec} }
				return k, spec, nil
			}
		}
	}
	return set{}, vms.Spec{}, problem.New(problem.NotFound, "list them with: waddle vm ls", "the platform has no VM %q", x.name)
}

// known refuses a VM that there is no record of.
func (x act) known() (vms.Record, error) {
	rec, there, err := x.s.records.Get(x.name)
	if err == nil && !there {
		err = problem.New(problem.NotFound, "list them with: waddle vm ls; one that others made comes under waddle with: waddle vm adopt "+x.name,
			"there is no VM %q of waddle's", x.name)
	}
	return rec, err
}

// now is the VM as Proxmox lists it; nil when it is not there.
func (x act) now(ctx context.Context, id int) (*vms.VM, error) {
	all, err := x.driver.List(ctx)
	if err != nil {
		return nil, refused(err)
	}
	for _, v := range all {
		if v.ID == id {
			return &v, nil
		}
	}
	return nil, nil
}

// with is the driver, which tells the operation's journal.
func (x act) with(run *engine.Run) *vms.Driver { return x.driver.WithProgress(newTeller(run).task) }

// quorum refuses to take away what etcd stands on.
func (x act) quorum(ctx context.Context, verb string) error {
	why, member := x.s.quorum().Member(ctx, x.p, x.name)
	if !member {
		return nil
	}
	return problem.New(problem.Conflict, "to change it in place: waddle vm reboot "+x.name+"; to replace it, take it out of the cluster first, and the gate back for as long: waddle phase ack 4 "+bootstrapStep+" --withdraw",
		"cannot %s VM %s: %s", verb, x.name, why)
}
