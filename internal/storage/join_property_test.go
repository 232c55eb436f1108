package storage

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/waddle-social/waddle/internal/lab/lio"
	"github.com/waddle-social/waddle/pkg/iscsi"
)

const fabric = "/sys/kernel/config/target/iscsi/"

// mess is a host on which many have done what they wanted, one after the other.
// What is refused on the way (a name that is there, a busy device) is part of it.
type mess struct {
	*host
	b   *Backend
	log []string
}

// deeds are what somebody may do to the storage with a name. What they return
// is whether the kernel or zfs let them.
var deeds = map[string]func(m *mess, name string) error{
	"an operator makes a volume": func(m *mess, name string) error {
		_, err := m.b.Create(context.Background(), CreateRequest{Name: name, Size: 16 * mib})
		return err
	},
	"an operator makes one without a target": func(m *mess, name string) error {
		_, err := m.b.Create(context.Background(), CreateRequest{Name: name, Size: 16 * mib, Private: true})
		return err
	},
	"democratic-csi makes a volume":        func(m *mess, name string) error { return m.driver(m.b).CreateVolume(name, 16*mib) },
	"democratic-csi deletes a volume":      func(m *mess, name string) error { return m.driver(m.b).DeleteVolume(name) },
	"democratic-csi is killed in a create": func(m *mess, name string) error { return m.try(root+"/v/"+name, managedProperty+"=true") },
	"somebody makes a zvol with zfs":       func(m *mess, name string) error { return m.try(root + "/v/" + name) },
	"an older host has a volume":           func(m *mess, name string) error { return m.try(root+"/"+name, driverMade...) },
	"a person has one right below the root": func(m *mess, name string) error {
		return m.try(root + "/" + name)
	},
	"the older host exports its volume on all addresses": func(m *mess, name string) error {
		return m.exportOlder(name, "0.0.0.0:3260")
	},
	"the older host exports its volume": func(m *mess, name string) error { return m.exportOlder(name, "10.10.0.1:3260") },
	"somebody deletes a target":         func(m *mess, name string) error { return m.deleteTarget(name) },
	"somebody disables a target": func(m *mess, name string) error {
		return m.tree.WriteFile(fabric+base+":"+strings.ToLower(name)+"/tpgt_1/enable", "0")
	},
	"somebody changes a target": func(m *mess, name string) error {
		return m.tree.WriteFile(fabric+base+":"+strings.ToLower(name)+"/tpgt_1/attrib/demo_mode_write_protect", "1")
	},
	"somebody takes a portal away": func(m *mess, name string) error {
		return m.tree.Rmdir(fabric + base + ":" + strings.ToLower(name) + "/tpgt_1/np/10.10.0.1:3260")
	},
	"somebody begins a target": func(m *mess, name string) error { return m.tree.Mkdir(fabric + base + ":" + strings.ToLower(name)) },
	"somebody else has a target": func(m *mess, name string) error {
		return m.tree.Mkdir(fabric + "iqn.2001-01.org.example:" + strings.ToLower(name))
	},
	"a node logs in": func(m *mess, name string) error {
		return m.tree.Login(base+":"+strings.ToLower(name), "10.10.0.1:3260", node, nodeAddress, lio.Credentials{})
	},
	"a node logs out": func(m *mess, name string) error {
		m.tree.Logout(base+":"+strings.ToLower(name), node)
		return nil
	},
	"somebody takes a snapshot": func(m *mess, name string) error {
		_, err := m.b.Snapshot(context.Background(), name, "s")
		return err
	},
	"the host reboots": func(m *mess, _ string) error {
		m.boot()
		m.b = m.bare()
		return m.b.iscsi.Prepare(context.Background())
	},
	"the daemon restarts": func(m *mess, _ string) error {
		m.b = m.bare()
		return nil
	},
}

// try is zvol for what may be refused.
func (m *mess) try(name string, properties ...string) error {
	v, err := m.b.zfs.Root().Volume(name)
	if err != nil {
		return err
	}
	if _, err := m.b.zfs.Get(context.Background(), nil, v); err == nil {
		return fmt.Errorf("%s is there", name)
	}
	m.zvol(m.b, name, properties...)
	return nil
}

func (m *mess) exportOlder(name, portal string) error {
	v, err := m.b.zfs.Root().Volume(root + "/" + name)
	if err != nil {
		return err
	}
	x, err := m.b.policy.TargetOf(m.b.iscsi.Base(), strings.ToLower(name), m.b.zfs.Device(v))
	if err != nil {
		return err
	}
	p, err := iscsi.ParsePortal(portal)
	if err != nil { // the driver never makes such a one: by hand it is made
		if _, err := m.b.iscsi.Ensure(context.Background(), x); err != nil {
			return err
		}
		group := fabric + x.IQN.String() + "/tpgt_1/np/"
		if err := m.tree.Rmdir(group + "10.10.0.1:3260"); err != nil {
			return err
		}
		return m.tree.Mkdir(group + portal)
	}
	x.Portals = []iscsi.Portal{p}
	_, err = m.b.iscsi.Ensure(context.Background(), x)
	return err
}

func (m *mess) deleteTarget(name string) error {
	i, err := m.b.iscsi.Base().Target(strings.ToLower(name))
	if err != nil {
		return err
	}
	return m.b.iscsi.Delete(context.Background(), i, false)
}

// make draws a mess.
func makeMess(outer *testing.T, t *rapid.T) *mess {
	m := &mess{host: newHost(outer)}
	m.b = m.ready()
	names := rapid.SampledFrom([]string{"pvc-1", "PVC-1", "pvc-2", "data"})
	done := 0
	for range rapid.IntRange(1, 24).Draw(t, "deeds") {
		what := rapid.SampledFrom(sorted(deeds)).Draw(t, "deed")
		name := names.Draw(t, "name")
		outcome := "refused"
		if deeds[what](m, name) == nil {
			outcome = "done"
			done++
		}
		m.log = append(m.log, fmt.Sprintf("%s (%s): %s", what, name, outcome))
	}
	return m
}

func sorted[V any](of map[string]V) []string {
	keys := make([]string, 0, len(of))
	for k := range of {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// look is what a look finds.
type look struct {
	volumes  []Volume
	orphans  []Orphan
	sessions []Session
}

func (m *mess) look(t *rapid.T) look {
	t.Helper()
	var l look
	var err error
	if l.volumes, err = m.b.Volumes(context.Background()); err == nil {
		if l.orphans, err = m.b.Orphans(context.Background()); err == nil {
			l.sessions, err = m.b.Sessions(context.Background())
		}
	}
	if err != nil {
		t.Fatalf("cannot look: %v", err)
	}
	return l
}

// of are the orphans that are about a volume.
func (l look) of(v Volume) (kinds []OrphanKind) {
	for _, o := range l.orphans {
		if o.Object == "volume "+v.Dataset {
			kinds = append(kinds, o.Kind)
		}
	}
	return kinds
}

// Whatever was done to the storage, by whom, and in which order: a look changes
// nothing, and what it says of each volume agrees with what it lists.
func TestStatesAndOrphansAgreeWhateverWasDone(t *testing.T) {
	kinds, states := map[OrphanKind]int{}, map[State]int{}
	rapid.Check(t, func(rt *rapid.T) {
		m := makeMess(t, rt)
		before := m.state()
		l := m.look(rt)
		if again := m.look(rt); fmt.Sprint(again.orphans) != fmt.Sprint(l.orphans) {
			rt.Fatalf("two looks find\n%v\nand\n%v\nafter %q", l.orphans, again.orphans, m.log)
		}
		if after := m.state(); after != before {
			rt.Fatalf("looking changed\n%s\nto\n%s\nafter %q", before, after, m.log)
		}
		for _, o := range l.orphans {
			kinds[o.Kind]++
			if o.Object == "" || o.Detail == "" || o.Repair == (o.Advice != "") {
				rt.Errorf("an orphan is without words, or is repaired and asks for something: %+v", o)
			}
		}
		for _, v := range l.volumes {
			states[v.State]++
			agrees(rt, m, l, v)
		}
		if s, err := m.b.Status(context.Background()); err != nil || s.Volumes != len(l.volumes) || s.Orphans != len(l.orphans) || s.Sessions != len(l.sessions) {
			rt.Errorf("the status counts %+v (%v), there are %d volumes, %d orphans, %d sessions; after %q", s, err, len(l.volumes), len(l.orphans), len(l.sessions), m.log)
		}
	})
	fmt.Printf("storage: orphans seen %v, states seen %v\n", kinds, states)
}

func agrees(t *rapid.T, m *mess, l look, v Volume) {
	t.Helper()
	has := l.of(v)
	want := map[State]func() bool{
		Ready: func() bool {
			return !slices.ContainsFunc(has, func(k OrphanKind) bool { return k != VolumeWithoutTarget })
		},
		Incomplete: func() bool { return slices.Contains(has, IncompleteVolume) },
		Unexported: func() bool { return slices.Contains(has, VolumeWithoutTarget) },
		Private:    func() bool { return len(has) == 0 },
		Older:      func() bool { return slices.Equal(has, []OrphanKind{OlderVolume}) },
		Clashing:   func() bool { return slices.Equal(has, []OrphanKind{ClashingVolume}) },
	}[v.State]
	if want == nil || !want() {
		t.Errorf("volume %s is %s and has the orphans %v; after %q", v.Dataset, v.State, has, m.log)
	}
	if (len(v.Faults) == 0) != (v.State == Ready || v.State == Private) {
		t.Errorf("volume %s is %s with the faults %q", v.Dataset, v.State, v.Faults)
	}
	if v.Target != nil && v.Target.Device != "" && v.Target.Device != v.Device {
		t.Errorf("volume %s is shown with the target of %s", v.Dataset, v.Target.Device)
	}
	for _, other := range l.volumes {
		if other.Dataset != v.Dataset && v.Target != nil && other.Target != nil && v.Target.IQN == other.Target.IQN && v.Target.Device != "" && other.Target.Device != "" {
			t.Errorf("%s and %s both have the target %s; after %q", v.Dataset, other.Dataset, v.Target.IQN, m.log)
		}
	}
}

// Whatever was done to the storage: a repair destroys no volume, ends nobody's
// session, touches nothing of others, settles all that it said it would where
// nothing stands in the way, and has nothing more to do the second time.
func TestARepairSettlesWhatItSaysAndNothingElseWhateverWasDone(t *testing.T) {
	repairs, blocked := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		m := makeMess(t, rt)
		before, pool, foreign := m.look(rt), m.pool.String(), m.foreign()
		promised := map[string]bool{}
		for _, o := range before.orphans {
			promised[o.Object] = o.Repair || promised[o.Object]
		}
		done, err := m.b.Repair(context.Background())
		if err != nil {
			rt.Fatalf("cannot repair: %v; after %q", err, m.log)
		}
		failed := map[string]bool{}
		for _, r := range done {
			repairs++
			if r.Err != nil {
				blocked++
				failed[r.Object] = true
			}
			if !promised[m.orphanOf(before, r.Object)] {
				rt.Errorf("%s was repaired, which no look had found; after %q", r.Object, m.log)
			}
		}
		after := m.look(rt)
		if fmt.Sprint(after.sessions) != fmt.Sprint(before.sessions) {
			rt.Errorf("the sessions were %v and are %v; after %q", before.sessions, after.sessions, m.log)
		}
		if got := m.pool.String(); got != pool {
			rt.Errorf("the pool was\n%s\nand is\n%s\nafter %q", pool, got, m.log)
		}
		if got := m.foreign(); got != foreign {
			rt.Errorf("of others there was %s and is %s; after %q", foreign, got, m.log)
		}
		for _, o := range after.orphans {
			if o.Repair && len(failed) == 0 {
				rt.Errorf("left by a repair that met no failure: %+v; after %q", o, m.log)
			}
		}
		settled := m.state()
		again, err := m.b.Repair(context.Background())
		if err != nil {
			rt.Fatal(err)
		}
		for _, r := range again {
			if r.Err == nil {
				rt.Errorf("a second repair still did %+v; after %q", r, m.log)
			}
		}
		if len(failed) == 0 && m.state() != settled {
			rt.Errorf("a second repair changed\n%s\nto\n%s\nafter %q", settled, m.state(), m.log)
		}
	})
	fmt.Printf("storage: %d repairs, %d of them had to wait\n", repairs, blocked)
}

// orphanOf is the object by which a look has named what a repair names: the
// target of a volume is listed as the volume.
func (m *mess) orphanOf(l look, object string) string {
	iqn, is := strings.CutPrefix(object, "target ")
	if !is {
		return object
	}
	for _, o := range l.orphans {
		dataset, volume := strings.CutPrefix(o.Object, "volume ")
		if volume && o.Repair && strings.HasSuffix(iqn, ":"+strings.ToLower(dataset[strings.LastIndexByte(dataset, '/')+1:])) {
			return o.Object
		}
	}
	return object
}

// foreign is what others have in the kernel's target.
func (m *mess) foreign() string {
	entries, err := m.tree.ReadDir(strings.TrimSuffix(fabric, "/"))
	if err != nil {
		return err.Error()
	}
	var names []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name, base+":") {
			names = append(names, e.Name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}
