package vms

import (
	"testing"

	"github.com/waddle-social/waddle/internal/lab/pve"
)

// One odd VM of somebody else must not keep the node's others from being listed.
func TestAStrangersVMWhoseNumbersCameAsTextsIsListed(t *testing.T) {
	t.Parallel()
	n := start(t, pve.Options{})
	n.admin("POST", "/nodes/pve/qemu", `{"vmid":200,"name":"odd","cores":4,"vcpus":2}`)
	all, err := n.List(t.Context())
	if err != nil || len(all) != 1 || all[0].Cores != 2 {
		t.Errorf("%+v, %v", all, err)
	}
	n.ensure(spec(110))
}
