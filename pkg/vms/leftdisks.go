package vms

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/waddle-social/waddle/pkg/vms/rest"
)

// leftDisks are the disks that carry a number on all of the node's storages, sorted. Proxmox
// gives each disk to the VM whose number is in its name: a VM that is made with a number that is
// free owns what an earlier one has left, or what somebody keeps, and its delete takes that along.
func (d *Driver) leftDisks(ctx context.Context, id int) ([]string, error) {
	var storages []struct {
		Storage string   `json:"storage"`
		Active  rest.Int `json:"active"`
	}
	if err := d.api.get(ctx, d.api.nodePath("/storage?content=images&enabled=1"), &storages); err != nil {
		return nil, err
	}
	var left []string
	for _, st := range storages {
		if st.Active == 0 { // nothing is looked for, and deleted, on one that is not mounted
			continue
		}
		var disks []struct {
			Volid string `json:"volid"`
		}
		at := fmt.Sprintf("/storage/%s/content?content=images&vmid=%d", url.PathEscape(st.Storage), id)
		if err := d.api.get(ctx, d.api.nodePath(at), &disks); err != nil {
			return nil, err
		}
		for _, disk := range disks {
			left = append(left, disk.Volid)
		}
	}
	slices.Sort(left)
	return left, nil
}

// unclaimed refuses a number that is free and has disks.
func (d *Driver) unclaimed(ctx context.Context, id int) error {
	left, err := d.leftDisks(ctx, id)
	if err != nil || len(left) == 0 {
		return err
	}
	return fail(KindLeftover, nil, "they would be the new VM's and go with it: when nobody needs them, on the node: "+freeThem(left)+"; otherwise declare another number",
		"there are disks of an earlier VM %d: %s", id, strings.Join(left, ", "))
}

// allGone looks for what a delete has left: Proxmox removes a VM also when a disk of it cannot
// be removed, and calls that a warning.
func (d *Driver) allGone(ctx context.Context, id int) error {
	left, err := d.leftDisks(ctx, id)
	if err != nil || len(left) == 0 {
		return err
	}
	return fail(KindLeftover, nil, "look who holds them, then on the node: "+freeThem(left),
		"VM %d is gone, and Proxmox could not remove its disks %s", id, strings.Join(left, ", "))
}

func freeThem(disks []string) string {
	all := make([]string, len(disks))
	for i, disk := range disks {
		all[i] = "pvesm free " + disk
	}
	return strings.Join(all, "; ")
}
