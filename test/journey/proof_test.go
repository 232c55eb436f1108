package journey

import (
	"fmt"
	"testing"

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
