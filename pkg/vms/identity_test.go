package vms

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"testing"

	"pgregory.net/rapid"

	"github.com/waddle-social/waddle/internal/lab/pve"
)

// world is a node on which somebody else works too, with the same numbers and names.
type world struct {
	*node
	strangers map[int]string // VMs that are not ours, by number: how they look
	rt        *rapid.T
	swap      string // the operation before which somebody puts another VM in our VM's place
	swaps     int
}

func small(name string, id int) Spec {
	return Spec{Name: name, ID: id, Cores: 1, Memory: 256, Off: true, Disks: []Disk{{Storage: "local-zfs", Size: 1}},
		NICs: []NIC{{Bridge: "vmbr1", MAC: fmt.Sprintf("bc:24:11:00:02:%02x", id%100)}}}
}

var players = []Spec{small("alpha", 200), small("beta", 201)}

// TestAVMThatIsNotOursIsNeverTouchedWhateverNumberItHas lets the driver and a
// stranger work on the same numbers and names, in any order, also in the middle of an
// operation of the driver's.
func TestAVMThatIsNotOursIsNeverTouchedWhateverNumberItHas(t *testing.T) {
	t.Parallel()
	n := start(t, pve.Options{})
	var runs, steps, swaps, refused int
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		w := &world{node: n, strangers: map[int]string{}, rt: rt}
		w.empty()
		d := n.driver(func(o *Options) { o.Seam = w.seam })
		for range rapid.IntRange(4, 10).Draw(rt, "steps") {
			steps++
			s := rapid.SampledFrom(players).Draw(rt, "VM")
			w.swap = rapid.SampledFrom([]string{"", "", "vms:delete", "vms:config", "vms:create", "vms:record", "vms:start"}).Draw(rt, "swap")
			switch what := rapid.SampledFrom([]string{"ensure", "ensure", "change", "recreate", "delete", "delete", "start", "stop", "steal", "replace", "remove", "untag", "renumber"}).Draw(rt, "what"); what {
			case "steal":
				w.make(s.ID)
			case "replace":
				w.destroy(s.ID)
				w.make(s.ID)
			case "remove":
				w.destroy(s.ID)
			case "untag":
				w.disown(s.ID, `{"tags":"talos"}`)
			case "renumber":
				w.disown(s.ID, `{"smbios1":"uuid=00000000-0000-4000-8000-000000000000"}`)
			default:
				if err := w.ours(d, what, s); err != nil {
					refused++
					w.explained(what, err)
				}
			}
			w.swap = ""
			w.untouched()
		}
		swaps += w.swaps
	})
	fmt.Printf("vms identity: %d histories, %d steps, %d of ours refused, %d times somebody else put a VM in ours' place in the middle of an operation\n", runs, steps, refused, swaps)
}

func (w *world) ours(d *Driver, what string, s Spec) error {
	ctx := w.t.Context()
	var err error
	switch what {
	case "ensure":
		_, err = d.Ensure(ctx, s, Consent{})
	case "change":
		s.Cores = 2
		_, err = d.Ensure(ctx, s, Consent{Reboot: true})
	case "recreate":
		s.ID = 202
		_, err = d.Ensure(ctx, s, Consent{Recreate: true})
	case "delete":
		err = d.Delete(ctx, s.Name, 0)
	case "start":
		err = d.Start(ctx, s.Name)
	case "stop":
		err = d.Stop(ctx, s.Name)
	}
	return err
}

// explained: a refusal is an Error of a kind that fits.
func (w *world) explained(what string, err error) {
	var e *Error
	if !errors.As(err, &e) {
		w.rt.Fatalf("%s: %v", what, err)
	}
	switch e.Kind {
	case KindNotOurs, KindTaken, KindGone, KindChanged:
	default:
		w.rt.Fatalf("%s is refused as %s: %v", what, e.Kind, err)
	}
}

// seam lets somebody else be faster.
func (w *world) seam(op string) error {
	if op != w.swap {
		return nil
	}
	w.swap = ""
	w.swaps++
	for _, id := range []int{200, 201, 202} {
		w.destroy(id)
		w.make(id)
	}
	return nil
}

// make makes a stranger's VM with a name and a tag like ours.
func (w *world) make(id int) {
	if w.exists(id) {
		return
	}
	name := map[int]string{200: "alpha", 201: "beta", 202: "alpha"}[id]
	w.admin("POST", "/nodes/pve/qemu", fmt.Sprintf(`{"vmid":%d,"name":%q,"tags":"waddle","scsi0":"local-zfs:1","net0":"virtio,bridge=vmbr1"}`, id, name))
	w.strangers[id] = w.look(id)
}

func (w *world) destroy(id int) {
	if w.exists(id) {
		w.try("POST", fmt.Sprintf("/nodes/pve/qemu/%d/status/stop", id), "")
		w.admin("DELETE", fmt.Sprintf("/nodes/pve/qemu/%d", id), "")
	}
	delete(w.strangers, id)
}

// disown makes one of ours a stranger's.
func (w *world) disown(id int, change string) {
	if w.exists(id) {
		w.try("POST", fmt.Sprintf("/nodes/pve/qemu/%d/status/stop", id), "")
		w.admin("PUT", fmt.Sprintf("/nodes/pve/qemu/%d/config", id), change)
		w.strangers[id] = w.look(id)
	}
}

func (w *world) exists(id int) bool {
	_, failed := w.ask("GET", fmt.Sprintf("/nodes/pve/qemu/%d/config", id), "")
	return failed == ""
}

// look is everything that can be seen of a VM: settings, state and disks.
func (w *world) look(id int) string {
	var status struct{ Status string }
	raw, failed := w.ask("GET", fmt.Sprintf("/nodes/pve/qemu/%d/status/current", id), "")
	if failed != "" {
		return failed
	}
	_ = json.Unmarshal(raw, &status)
	config, _ := w.ask("GET", fmt.Sprintf("/nodes/pve/qemu/%d/config", id), "")
	disks, _ := w.ask("GET", fmt.Sprintf("/nodes/pve/storage/local-zfs/content?vmid=%d", id), "")
	return fmt.Sprint(status.Status, string(config), string(disks))
}

func (w *world) untouched() {
	for id, before := range w.strangers {
		if now := w.look(id); now != before {
			w.rt.Fatalf("VM %d is not ours and was touched:\nbefore %s\nnow    %s", id, before, now)
		}
	}
}

// empty takes everything away, as root.
func (w *world) empty() {
	for _, id := range []int{200, 201, 202} {
		w.destroy(id)
	}
	w.records.mu.Lock()
	defer w.records.mu.Unlock()
	maps.DeleteFunc(w.records.all, func(string, Record) bool { return true })
}
