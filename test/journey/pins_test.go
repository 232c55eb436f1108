package journey

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/internal/lab"
)

const (
	teleportAddress = "10.10.0.2"
	etcdPort        = "2380"
)

// A node that sends with the Teleport VM's address reaches nobody: what phase 3
// opens, it opens to an address. Before the pins the same node gets in, so the
// attempt is a real one. The nodes' own traffic goes on all the time.
func TestANodeThatSendsWithTheTeleportVMsAddressIsRefusedWhileTheNodesTalk(t *testing.T) {
	h := newHost(t, lab.Options{Name: "pins"})
	h.start()
	h.setExample()
	h.run("ip link add vmbr1 type bridge && ip link set vmbr1 up && ip addr add 10.10.0.1/24 dev vmbr1")
	first, second := h.plugNode(110, "10.10.0.10"), h.plugNode(111, "10.10.0.11")
	if _, err := first.Run(t.Context(), "ip", "addr", "add", teleportAddress+"/32", "dev", "eth0"); err != nil {
		t.Fatal(err)
	}
	if !h.getsIn(first, teleportAddress, "10.10.0.1:22", atOnce) {
		t.Fatal("before the pins the node does not reach SSH with the Teleport VM's address: the attempt proves nothing")
	}
	etcd := h.talk(first, second)

	h.apply(client.ApplyRequest{Adopt: true})
	refused := 0
	for _, c := range []struct {
		when string
		do   func()
	}{
		{"after the apply", func() {}},
		{"after the pins were deleted and the reconciler put them back", func() {
			h.run("nft delete table bridge waddle")
			h.await(time.Minute, "the pins are back", func() bool { return len(h.plan()) == 0 })
		}},
		{"after a boot without the daemon", func() {
			if err := h.StopDaemon(t.Context()); err != nil {
				t.Fatal(err)
			}
			h.installWaddled()
			h.run("nft flush ruleset")
			if code, out := h.waddled(nil, "firewall", "load"); code != 0 {
				t.Fatalf("waddled firewall load ended with %d: %s", code, out)
			}
		}},
	} {
		c.do()
		for _, to := range []string{"10.10.0.1:22", "10.10.0.1:8006", "10.10.0.11:" + etcdPort} {
			if h.getsIn(first, teleportAddress, to, inVain) {
				t.Errorf("%s the node reaches %s with the Teleport VM's address", c.when, to)
			}
			refused++
		}
		if !h.getsIn(first, "10.10.0.10", "10.10.0.11:"+etcdPort, atOnce) {
			t.Errorf("%s the node does not reach the other one with its own address", c.when)
		}
	}
	fmt.Printf("pins: %d attempts with the Teleport VM's address refused, %d messages between the nodes over one connection\n", refused, etcd.end(t))

	teleport := h.plugNode(102, teleportAddress)
	if !h.getsIn(teleport, teleportAddress, "10.10.0.1:22", atOnce) {
		t.Error("the Teleport VM itself, plugged in later, does not reach SSH")
	}
}

func (h *host) plugNode(vmid int, address string) *lab.Node {
	h.t.Helper()
	vm, err := h.Plug(h.t.Context(), lab.VM{
		Name: fmt.Sprintf("vm%d", vmid), VMID: vmid, Bridge: "vmbr1",
		Addresses: []netip.Prefix{netip.MustParsePrefix(address + "/24")}, Gateway: netip.MustParseAddr("10.10.0.1"),
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return vm
}

// conversation is one connection between two VMs over which messages go to and fro.
type conversation struct {
	ended  chan error
	stop   context.CancelFunc
	rounds int
}

// talk has b answer on etcd's port and a speak to it until end.
func (h *host) talk(a, b *lab.Node) *conversation {
	h.t.Helper()
	l, err := b.Listen(h.t.Context(), "tcp4", "10.10.0.11:"+etcdPort)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c) }() // ends with the other side
		}
	}()
	conn, err := a.DialContext(h.t.Context(), "tcp4", "10.10.0.11:"+etcdPort)
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(h.t.Context())
	c := &conversation{ended: make(chan error, 1), stop: stop}
	go func() {
		defer conn.Close()
		c.ended <- c.speak(ctx, conn)
	}()
	return c
}

// patience is far longer than a round takes, and shorter than TCP's own.
const patience = time.Minute

func (c *conversation) speak(ctx context.Context, conn net.Conn) error {
	buf := make([]byte, 64)
	for ctx.Err() == nil {
		_ = conn.SetDeadline(time.Now().Add(patience)) // a closed one says so when it is used
		if _, err := conn.Write(buf); err != nil {
			return err
		}
		if _, err := io.ReadFull(conn, buf); err != nil {
			return err
		}
		c.rounds++
		select {
		case <-ctx.Done():
		case <-time.After(5 * time.Millisecond):
		}
	}
	return nil
}

// end stops the conversation and demands that it was never broken.
func (c *conversation) end(t *testing.T) int {
	t.Helper()
	c.stop()
	if err := <-c.ended; err != nil {
		t.Errorf("the connection between the nodes broke: %v", err)
	}
	if c.rounds == 0 {
		t.Error("no message came through")
	}
	return c.rounds
}
