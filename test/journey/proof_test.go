package journey

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/internal/lab"
)

func TestPhases0And1LetTheInsideOutAndNobodyIn(t *testing.T) {
	h := newHost(t, lab.Options{Name: "proof"})
	h.start()
	h.setExample()
	open, err := lab.ScanPorts(t.Context(), h.Scanner, lab.HostAddr, lab.AllPorts())
	if err != nil {
		t.Fatal(err)
	}
	if len(open.Open) < len(lab.HostPorts) {
		t.Fatalf("before the apply the scanner sees only %v open: it could not prove that they are closed", open.Open)
	}
	h.apply(client.ApplyRequest{})
	proof, err := h.Proof(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Print(proof)
	if !proof.Passed() {
		t.Error("the proof failed")
	}
}

func TestWithoutNATNothingLeavesTheInternalNetwork(t *testing.T) {
	h := newHost(t, lab.Options{Name: "nonat"})
	h.start()
	h.setExample()
	h.apply(client.ApplyRequest{})
	vm := h.plug()
	load := func(patience time.Duration) error {
		page := vm.HTTPClient()
		page.Timeout = patience
		resp, err := page.Get("http://" + lab.WebAddr.String() + "/")
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}
	if err := load(atOnce); err != nil {
		t.Fatalf("with masquerade the VM should reach the internet: %v", err)
	}
	h.setPlatform([]byte(strings.Replace(string(read(t, example)), "  network:\n", "  network:\n    internal:\n      nat: none\n", 1)))
	h.apply(client.ApplyRequest{})
	if err := load(time.Second); err == nil {
		t.Error("with nat: none the VM still reaches the internet")
	}
	if changes := h.plan(); len(changes) > 0 {
		t.Errorf("the plan still has %+v", changes)
	}
}
