package machines

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/pkg/vms"
	"github.com/waddle-social/waddle/pkg/vms/images"
)

// VM is a VM on the node, or one of the platform that is not there.
type VM struct {
	vms.VM
	Wanted  bool
	Absent  bool
	Address string // on the internal bridge, of a wanted one
}

// Detail is all that there is to know about a VM.
type Detail struct {
	VM
	engine.Result
	Snapshots  []vms.Snapshot
	Interfaces []vms.Interface
	Agent      bool
	Console    string
}

// ready returns what is asked, or the problem that there is no token or platform.
func (s *Service) ready() (*platform.Platform, *vms.Driver, *images.Cache, error) {
	p, _, err := s.o.Platform()
	if err != nil {
		return nil, nil, nil, err
	}
	if _, err := s.token(); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = problem.New(problem.NeedsNotDone, AccessInstruction, "Proxmox VE cannot be asked: there is no API token yet")
		} else {
			err = noToken(err)
		}
		return nil, nil, nil, err
	}
	driver, cache, err := s.drivers(p)
	return p, driver, cache, err
}

// List returns the VMs of the node and of the platform, by number.
func (s *Service) List(ctx context.Context) ([]VM, error) {
	p, driver, _, err := s.ready()
	if err != nil {
		return nil, err
	}
	return s.list(ctx, p, driver)
}

func (s *Service) list(ctx context.Context, p *platform.Platform, driver *vms.Driver) ([]VM, error) {
	seen, err := driver.List(ctx)
	if err != nil {
		return nil, refused(err)
	}
	wanted := append([]platform.Machine{p.Spec.TeleportVM()}, p.Spec.Nodes()...)
	var all []VM
	for _, v := range seen {
		one := VM{VM: v}
		wanted = slices.DeleteFunc(wanted, func(m platform.Machine) bool {
			is := int(m.ID) == v.ID && string(m.Name) == v.Name
			if is {
				one.Wanted, one.Address = true, m.Address.String()
			}
			return is
		})
		all = append(all, one)
	}
	for _, m := range wanted {
		all = append(all, VM{
			VM:     vms.VM{ID: int(m.ID), Name: string(m.Name), Cores: int(m.Cores), Memory: int64(m.Memory)},
			Wanted: true, Absent: true, Address: m.Address.String(),
		})
	}
	slices.SortStableFunc(all, func(a, b VM) int { return a.ID - b.ID })
	return all, nil
}

// Show returns one VM of ours or of the platform.
func (s *Service) Show(ctx context.Context, name string) (Detail, error) {
	p, driver, _, err := s.ready()
	if err != nil {
		return Detail{}, err
	}
	all, err := s.list(ctx, p, driver)
	if err != nil {
		return Detail{}, err
	}
	at := slices.IndexFunc(all, func(v VM) bool { return v.Name == name && (v.Wanted || v.Ours) })
	if at < 0 {
		at = slices.IndexFunc(all, func(v VM) bool { return v.Name == name })
	}
	if at < 0 {
		return Detail{}, problem.New(problem.NotFound, "list them with: waddle vm ls", "there is no VM %q", name)
	}
	d := Detail{VM: all[at]}
	x := act{s: s, p: p, driver: driver, name: name}
	if d.Wanted {
		_, spec, err := x.kept()
		if err != nil {
			return d, err
		}
		if d.Result, err = s.look(ctx, driver, spec); err != nil {
			return d, err
		}
	}
	if !d.Ours || d.Absent {
		return d, nil
	}
	if d.Snapshots, err = driver.Snapshots(ctx, name); err != nil {
		return d, refused(err)
	}
	if d.Console, err = driver.Console(ctx, name, true); err != nil {
		return d, refused(err)
	}
	if d.Status != "running" {
		return d, nil
	}
	// A guest whose agent does not answer is one that is shown without.
	if d.Interfaces, err = driver.Interfaces(ctx, name); err == nil {
		d.Agent = true
	}
	return d, nil
}

// kept is the spec of a VM that may have been made: with the image that it was made of.
func (x act) kept() (set, vms.Spec, error) {
	k, spec, err := x.spec()
	if err != nil {
		return k, spec, err
	}
	all, err := k.wanted()
	if err != nil {
		return k, spec, err
	}
	return k, all[0], nil
}

// Adoption is what an adoption of the VM would take over.
func (s *Service) Adoption(ctx context.Context, name string) (vms.Adoption, []engine.Difference, error) {
	p, driver, _, err := s.ready()
	if err != nil {
		return vms.Adoption{}, nil, err
	}
	_, spec, err := act{s: s, p: p, driver: driver, name: name}.spec()
	if err != nil {
		return vms.Adoption{}, nil, err
	}
	a, err := driver.LookAdopt(ctx, spec)
	if err != nil {
		return a, nil, refused(err)
	}
	var all []engine.Difference
	for _, d := range a.Finding.Differences {
		all = append(all, difference(spec, d))
	}
	return a, all, nil
}

// Image is an image in the storage.
type Image struct {
	images.Cached
	Wanted bool
}

// Images returns the images in the storage, by name.
func (s *Service) Images(ctx context.Context) ([]Image, error) {
	p, _, cache, err := s.ready()
	if err != nil {
		return nil, err
	}
	all, err := cache.List(ctx)
	if err != nil {
		return nil, refusedImage(err)
	}
	wanted, err := names(p)
	var out []Image
	for _, c := range all {
		out = append(out, Image{Cached: c, Wanted: slices.Contains(wanted, c.Name)})
	}
	return out, err
}

// names are the file names of the platform's images.
func names(p *platform.Platform) ([]string, error) {
	var all []string
	for _, from := range []source{debian(p), talos(p)} {
		i, err := from.image(p)
		if err != nil {
			return nil, problem.Wrap(problem.InvalidPlatform, err, "correct the platform document", "cannot say which image the VMs are made of")
		}
		all = append(all, i.Name)
	}
	return all, nil
}
