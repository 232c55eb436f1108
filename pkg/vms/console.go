package vms

import (
	"context"
	"fmt"
	"net/url"
	"strings"
)

// Console is where the operator's browser finds the console of a VM of ours: Proxmox's
// own page, which asks for a login. An API token cannot open one. A guest with a
// serial console and no screen has serial set in its Spec.
func (d *Driver) Console(ctx context.Context, name string, serial bool) (string, error) {
	rec, _, err := d.existing(ctx, name)
	if err != nil {
		return "", tried(err, "find the console of VM %s", name)
	}
	base, _, _ := strings.Cut(d.api.client.URL(), "/api2/")
	q := url.Values{"console": {"kvm"}, "vmid": {fmt.Sprint(rec.ID)}, "vmname": {rec.Name}, "node": {d.o.Node}}
	if serial {
		q.Set("xtermjs", "1")
	} else {
		q.Set("novnc", "1")
		q.Set("resize", "off")
	}
	return base + "/?" + q.Encode(), nil
}
