package vms

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/waddle-social/waddle/internal/lab/pve"
)

// journey does everything that the driver can do, with VMs 110 and 111.
func (n *node) journey(ctx context.Context) error {
	s := declared(110)
	for _, do := range []func() error{
		func() error { _, err := n.Ensure(ctx, s, Consent{}); return err },
		func() error { return n.WaitAgent(ctx, s.Name) },
		func() error { _, err := n.Interfaces(ctx, s.Name); return err },
		func() error { return n.WriteFile(ctx, s.Name, "/etc/motd", []byte("hello\n")) },
		func() error { _, err := n.Exec(ctx, s.Name, []string{"cat", "/etc/motd"}, ""); return err },
		func() error { return n.TakeSnapshot(ctx, s.Name, "before", "", false) },
		func() error { return n.Rollback(ctx, s.Name, "before", true) },
		func() error { return n.DeleteSnapshot(ctx, s.Name, "before") },
		func() error { return n.Reboot(ctx, s.Name, graceDefault) },
		func() error { return n.Clone(ctx, s.Name, Clone{Name: "copy", ID: 111}) },
		func() error { return n.Delete(ctx, "copy", 0) },
		func() error { return n.Shutdown(ctx, s.Name, graceDefault, true) },
		func() error {
			n.admin("PUT", "/nodes/pve/qemu/110/config", `{"delete":"ide2,scsi1,net1,startup","cores":1,"memory":1024,"onboot":0,"machine":"pc"}`)
			n.admin("PUT", "/nodes/pve/qemu/110/config", `{"delete":"unused0"}`)
			_, err := n.Ensure(ctx, s, Consent{Reboot: true})
			return err
		},
		func() error { return n.Delete(ctx, s.Name, 0) },
		func() error { return n.strangers(ctx) },
		func() error { return n.leftovers(ctx) },
	} {
		if err := do(); err != nil {
			return err
		}
	}
	return nil
}

// strangers adopts a VM that root has made, and deletes it.
func (n *node) strangers(ctx context.Context) error {
	n.admin("POST", "/nodes/pve/qemu", `{"vmid":112,"name":"cp-112","net0":"virtio=BC:24:11:00:00:0C,bridge=vmbr1"}`)
	s := spec(112)
	shown, err := n.LookAdopt(ctx, s)
	if err != nil {
		return err
	}
	if err := n.Adopt(ctx, s, shown); err != nil {
		return err
	}
	return n.Delete(ctx, s.Name, 0)
}

var errNotSeen = errors.New("a disk that an earlier VM left was not seen")

// leftovers looks at a number that has a disk.
func (n *node) leftovers(ctx context.Context) error {
	n.admin("POST", "/nodes/pve/storage/local-zfs/content", `{"vmid":113,"filename":"vm-113-disk-0","size":"1G"}`)
	if _, err := n.Look(ctx, spec(113)); !Is(err, KindLeftover) {
		return errors.Join(errNotSeen, err)
	}
	n.admin("DELETE", "/nodes/pve/storage/local-zfs/content/vm-113-disk-0", "")
	return nil
}

func TestThePrivilegesAreExactlyThoseThatAreUsed(t *testing.T) {
	t.Parallel()
	all := Privileges()
	for _, without := range all {
		t.Run("without "+without.Name, func(t *testing.T) {
			t.Parallel()
			n := start(t, pve.Options{})
			n.snippets("v.yaml")
			n.allow(slices.DeleteFunc(Privileges(), func(p Privilege) bool { return p == without }))
			err := n.journey(t.Context())
			if without.Name == "Datastore.Allocate" && errors.Is(err, errNotSeen) {
				return // Proxmox refuses nothing for want of it, it shows less
			}
			var e *Error
			if !errors.As(err, &e) || e.Kind != KindForbidden || e.Hint == "" {
				t.Fatalf("without %s on %s: %v", without.Name, without.Path, err)
			}
			if e.Privilege != "" && !strings.Contains(e.Privilege, without.Name) {
				t.Errorf("without %s the error names %s", without.Name, e.Privilege)
			}
			t.Logf("%s on %s: %v", without.Name, without.Path, err)
		})
	}
	t.Run("with all of them", func(t *testing.T) {
		t.Parallel()
		n := start(t, pve.Options{})
		n.snippets("v.yaml")
		if err := n.journey(t.Context()); err != nil {
			t.Fatal(err)
		}
		n.nothingLeft()
		calls := map[string]bool{}
		for _, s := range n.wire.requests() {
			if p, _ := schema(); p != nil {
				template, _ := p.find(s.path)
				calls[s.method+" "+template] = true
			}
		}
		fmt.Printf("vms privileges: %d, each needed; %d requests of %d different calls, all as the published schema says\n", len(all), len(n.wire.requests()), len(calls))
	})
}
