package vms

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/waddle-social/waddle/internal/lab/pve"
)

// declared has a value in every field of a Spec that can differ.
func declared(id int) Spec {
	s := spec(id)
	s.Disks = append(s.Disks, Disk{Storage: "local-zfs", Size: 4})
	s.NICs = append(s.NICs, NIC{Bridge: "vmbr0", MAC: fmt.Sprintf("bc:24:11:00:01:%02x", id%100), VLAN: 7, MTU: 1400})
	s.CloudInit.Addresses = append(s.CloudInit.Addresses, IP{DHCP: true})
	s.CloudInit.User, s.CloudInit.Domain = "ops", "example.org"
	s.CloudInit.Custom = map[string]string{"vendor": "local:snippets/v.yaml"}
	s.Balloon, s.Description, s.Startup = 1024, "made by a test", &Startup{Order: 2, Up: 30}
	s.Boot = []string{"scsi0", "net0"}
	return s
}

// drifts are changes made by hand, one for each attribute of a Spec and then some.
var drifts = []struct {
	name   string
	by     string // root's change of the configuration, or "resize …"
	object string
	effect Effect // on a VM that runs
}{
	{"the name", `{"name":"other"}`, "name", EffectLive},
	{"a tag more", `{"tags":"waddle;talos;mine"}`, "tags", EffectLive},
	{"a tag less", `{"tags":"waddle"}`, "tags", EffectLive},
	{"start at boot", `{"onboot":0}`, "onboot", EffectLive},
	{"the order of starting", `{"startup":"order=9"}`, "startup", EffectLive},
	{"no order of starting", `{"delete":"startup"}`, "startup", EffectLive},
	{"the description", `{"description":"something else"}`, "description", EffectLive},
	{"cores", `{"cores":1}`, "cores", EffectReboot},
	{"sockets", `{"sockets":2}`, "sockets", EffectReboot},
	{"fewer CPUs than cores", `{"vcpus":1}`, "vcpus", EffectReboot},
	{"memory", `{"memory":4096}`, "memory", EffectReboot},
	{"the balloon", `{"balloon":2048}`, "balloon", EffectLive},
	{"no balloon", `{"balloon":0}`, "balloon", EffectReboot},
	{"the CPU type", `{"cpu":"x86-64-v2-AES"}`, "cpu", EffectReboot},
	{"the machine", `{"machine":"pc"}`, "machine", EffectReboot},
	{"the BIOS", `{"bios":"ovmf"}`, "bios", EffectReboot},
	{"the OS type", `{"ostype":"other"}`, "ostype", EffectReboot},
	{"the SCSI controller", `{"scsihw":"lsi"}`, "scsihw", EffectReboot},
	{"the boot order", `{"boot":"order=net0;scsi0"}`, "boot", EffectReboot},
	{"the guest agent", `{"agent":"0"}`, "agent", EffectReboot},
	{"the serial console", `{"delete":"serial0"}`, "serial0", EffectReboot},
	{"a card's bridge", `{"net0":"virtio=BC:24:11:00:00:0A,bridge=vmbr0"}`, "net0", EffectLive},
	{"a card's MAC", `{"net0":"virtio=BC:24:11:99:99:99,bridge=vmbr1"}`, "net0", EffectLive},
	{"a card's model", `{"net0":"e1000=BC:24:11:00:00:0A,bridge=vmbr1"}`, "net0", EffectLive},
	{"a card's VLAN", `{"net1":"virtio=BC:24:11:00:01:0A,bridge=vmbr0,tag=8,mtu=1400"}`, "net1", EffectLive},
	{"a card's MTU", `{"net1":"virtio=BC:24:11:00:01:0A,bridge=vmbr0,tag=7"}`, "net1", EffectLive},
	{"a card behind Proxmox's firewall", `{"net0":"virtio=BC:24:11:00:00:0A,bridge=vmbr1,firewall=1"}`, "net0", EffectLive},
	{"a card without its cable", `{"net0":"virtio=BC:24:11:00:00:0A,bridge=vmbr1,link_down=1"}`, "net0", EffectLive},
	{"a card less", `{"delete":"net1"}`, "net1", EffectLive},
	{"a card more", `{"net2":"virtio=BC:24:11:77:77:77,bridge=vmbr0"}`, "net2", EffectLive},
	{"an address", `{"ipconfig0":"ip=10.10.0.99/24,gw=10.10.0.1"}`, "ipconfig0", EffectReboot},
	{"a gateway", `{"ipconfig0":"ip=10.10.0.10/24,gw=10.10.0.254"}`, "ipconfig0", EffectReboot},
	{"no DHCP", `{"delete":"ipconfig1"}`, "ipconfig1", EffectReboot},
	{"an address more", `{"ipconfig3":"ip=10.10.9.9/24"}`, "ipconfig3", EffectReboot},
	{"a resolver", `{"nameserver":"9.9.9.9"}`, "nameserver", EffectReboot},
	{"the search domain", `{"searchdomain":"evil.example"}`, "searchdomain", EffectReboot},
	{"the SSH keys", `{"sshkeys":"ssh-ed25519%20AAAAEVIL%20x"}`, "sshkeys", EffectReboot},
	{"the user", `{"ciuser":"root"}`, "ciuser", EffectReboot},
	{"the upgrade at the first boot", `{"ciupgrade":1}`, "ciupgrade", EffectReboot},
	{"a part of cloud-init", `{"cicustom":"vendor=local:snippets/other.yaml"}`, "cicustom", EffectReboot},
	{"no part of cloud-init", `{"delete":"cicustom"}`, "cicustom", EffectReboot},
	{"the cloud-init drive", `{"delete":"ide2"}`, "ide2", EffectReboot},
	{"a disk's flags", `{"scsi0":"local-zfs:vm-110-disk-0,iothread=1,size=10G"}`, "scsi0 discard", EffectReboot},
	{"a disk's I/O thread", `{"scsi1":"local-zfs:vm-110-disk-1,discard=on,ssd=1,size=4G"}`, "scsi1 iothread", EffectReboot},
	{"a disk that is larger", `resize {"disk":"scsi0","size":"12G"}`, "scsi0 size", EffectRecreate},
	{"a blank disk less", `{"delete":"scsi1"}`, "scsi1", EffectLive},
	{"the system's disk", `{"delete":"scsi0"}`, "scsi0", EffectRecreate},
}

func TestEachAttributeThatIsChangedByHandIsSeenClassifiedAndPutBack(t *testing.T) {
	t.Parallel()
	for _, running := range []bool{false, true} {
		t.Run(map[bool]string{true: "running", false: "off"}[running], func(t *testing.T) {
			t.Parallel()
			n := start(t, pve.Options{})
			n.snippets("v.yaml", "other.yaml")
			count := map[Effect]int{}
			for _, row := range drifts {
				effect := n.drift(row.name, row.by, row.object, row.effect, running)
				count[effect]++
			}
			fmt.Printf("vms drift: %d changes by hand of a VM that is %s: %v\n", len(drifts), map[bool]string{true: "running", false: "off"}[running], count)
		})
	}
}

// drift makes a VM, changes it by hand, and lets the driver put it back.
func (n *node) drift(name, by, object string, effect Effect, running bool) Effect {
	n.t.Helper()
	s := declared(110)
	s.Off = true
	n.ensure(s)
	change := "/nodes/pve/qemu/110/config"
	if body, is := strings.CutPrefix(by, "resize "); is {
		change, by = "/nodes/pve/qemu/110/resize", body
	}
	n.admin("PUT", change, by)
	if running { // what was changed by hand is in effect
		n.admin("POST", "/nodes/pve/qemu/110/status/start", "")
	} else if effect != EffectRecreate {
		effect = EffectLive
	}
	f, err := n.Look(n.t.Context(), s)
	if err != nil {
		n.t.Fatalf("%s: %v", name, err)
	}
	at := slices.IndexFunc(f.Differences, func(x Difference) bool { return x.Object == object })
	switch {
	case at < 0:
		n.t.Errorf("%s was not seen: %v", name, f.Differences)
	case f.Differences[at].Effect != effect && !(object == "name" && f.Differences[at].Effect == EffectLive):
		n.t.Errorf("%s is %s, want %s: %v", name, f.Differences[at].Effect, effect, f.Differences[at])
	}
	n.putBack(name, object, effect, s)
	if err := n.Delete(n.t.Context(), s.Name, 0); err != nil {
		n.t.Fatalf("%s: %v", name, err)
	}
	return effect
}

// putBack applies, and looks at what the driver says is left.
func (n *node) putBack(name, object string, effect Effect, s Spec) {
	n.t.Helper()
	ctx := n.t.Context()
	has := func(all []Difference) bool {
		return slices.ContainsFunc(all, func(x Difference) bool { return x.Object == object })
	}
	out, err := n.Apply(ctx, s)
	if err != nil {
		n.t.Errorf("%s: %v", name, err)
		return
	}
	where := map[Effect]bool{EffectLive: has(out.Changed), EffectReboot: has(out.Reboot), EffectRecreate: has(out.Recreate)}
	if !where[effect] || has(out.Changed) != (effect == EffectLive) {
		n.t.Errorf("%s was not handled as %s: %+v", name, effect, out)
	}
	yes := Consent{Reboot: true}
	if effect == EffectRecreate {
		if out, err := n.Ensure(ctx, s, yes); err != nil || !has(out.Recreate) || out.Created {
			n.t.Errorf("%s: made anew, or forgotten, without consent: %+v, %v", name, out, err)
		}
		yes.Recreate = true
	}
	if _, err := n.Ensure(ctx, s, yes); err != nil {
		n.t.Errorf("%s with consent: %v", name, err)
	}
	if f, err := n.Look(ctx, s); err != nil || len(f.Differences) > 0 {
		n.t.Errorf("%s: after all that: %v, %v", name, f.Differences, err)
	}
}

func TestWhatOnlyTheSpecChangedIsClassifiedToo(t *testing.T) {
	n := start(t, pve.Options{})
	n.image("newer.qcow2", 1)
	s := spec(110)
	n.ensure(s)
	for _, row := range []struct {
		name, object string
		effect       Effect
		change       func(*Spec)
	}{
		{"a larger disk grows at once", "scsi0 size", EffectLive, func(s *Spec) { s.Disks[0].Size = 12 }},
		{"another image wants another VM", "scsi0 image", EffectRecreate, func(s *Spec) { s.Disks[0].Image = "local:import/newer.qcow2" }},
		{"another storage wants another VM", "scsi0 storage", EffectRecreate, func(s *Spec) { s.Disks[0].Storage = "other" }},
		{"a smaller disk wants another VM", "scsi0 size", EffectRecreate, func(s *Spec) { s.Disks[0].Size = 2 }},
		{"another number wants another VM", "number", EffectRecreate, func(s *Spec) { s.ID = 111 }},
		{"a new blank disk comes at once", "scsi1", EffectLive, func(s *Spec) { s.Disks = append(s.Disks, Disk{Storage: "local-zfs", Size: 1}) }},
	} {
		changed := spec(110)
		row.change(&changed)
		f, err := n.Look(t.Context(), changed)
		if err != nil || len(f.Differences) != 1 || f.Differences[0].Object != row.object || f.Differences[0].Effect != row.effect {
			t.Errorf("%s: %v, %v", row.name, f.Differences, err)
		}
	}
	moved := spec(111)
	moved.Name = s.Name
	if _, err := n.Ensure(t.Context(), moved, Consent{Recreate: true}); err != nil {
		t.Fatal(err)
	}
	if left := n.left(); strings.Contains(left, "VM 110") || !strings.Contains(left, "VM 111 cp-110") {
		t.Errorf("after another number:\n%s", left)
	}
}

// snippets puts empty files where cicustom names them.
func (n *node) snippets(names ...string) {
	n.t.Helper()
	for _, name := range names {
		n.file("snippets", name, nil)
	}
}

func TestADifferenceReadsAsASentence(t *testing.T) {
	for want, x := range map[string]Difference{
		`live onboot: is "0": want "1"`:                                    {Effect: EffectLive, Object: "onboot", Is: "0", Want: "1"},
		`recreate scsi0 size: is "12G": want "10G" (a disk cannot shrink)`: {Effect: EffectRecreate, Object: "scsi0 size", Is: "12G", Want: "10G", Note: "a disk cannot shrink"},
		`live net2: is "virtio,bridge=vmbr0"`:                              {Effect: EffectLive, Object: "net2", Is: "virtio,bridge=vmbr0"},
	} {
		if got := x.String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
