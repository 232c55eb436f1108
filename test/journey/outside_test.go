package journey

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/internal/lab"
)

// Where the Teleport VM runs, phase 3 looks at the host's public address from
// there, through QEMU's guest agent, and people have to say nothing about it.
func TestPhase3LooksAtTheHostFromTheTeleportVM(t *testing.T) {
	h := newHost(t, lab.Options{Name: "outside"})
	h.startWaddled()
	h.setVMPlatform()
	h.giveAccess()
	h.applyVMs()
	vm := h.VM("teleport")
	if vm == nil {
		t.Fatal("the Teleport VM does not run")
	}
	resolver, err := h.Internet.Listen(t.Context(), "tcp4", netip.AddrPortFrom(lab.ResolverAddr, 53).String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resolver.Close() }()
	root, ops := h.overSocket(), h.overTLS(vm, teleportAddress, h.token("ops", "operate"))
	h.waitForAgent(102)
	h.setProfile(root, ops, "lockdown")
	const from = "VM 102 (teleport), its public side: no answer within 4s"
	h.shows("lockdown.ssh", false, "proves TCP 203.0.113.10:22, "+from)
	h.shows("lockdown.proxmox-ui", false, "proves TCP 203.0.113.10:8006, "+from)

	h.act(client.VMPowerRequest{Action: "stop"}, "teleport") // a VM that is off proves nothing
	time.Sleep(probesStand)
	h.shows("lockdown.ssh", false, "inconclusive TCP 203.0.113.10:22, outside: not tried: VM 102 (teleport) does not run what it is asked to: ")
}

// waitForAgent waits until a VM has booted.
func (h *host) waitForAgent(id int) {
	h.t.Helper()
	for end := time.Now().Add(3 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		_, err := h.Proxmox(h.t.Context(), "POST", fmt.Sprintf("/nodes/pve/qemu/%d/agent/ping", id), nil)
		if err == nil {
			return
		}
		if time.Now().After(end) {
			h.t.Fatalf("the guest agent of VM %d does not answer: %v", id, err)
		}
	}
}
