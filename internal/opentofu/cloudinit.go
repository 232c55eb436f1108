package opentofu

import (
	"cmp"
	"net/netip"

	"github.com/waddle-social/waddle/pkg/vms"
)

// parts of cloud-init that a snippet replaces, by the provider's names.
var custom = []struct{ part, attribute string }{
	{"meta", "meta_data_file_id"}, {"network", "network_data_file_id"}, {"user", "user_data_file_id"}, {"vendor", "vendor_data_file_id"},
}

func cloudInit(w *body, c vms.CloudInit) {
	w.block("initialization", func(w *body) {
		w.text("datastore_id", c.Storage)
		w.text("interface", cmp.Or(c.Slot, "ide2"))
		w.yes("upgrade", c.Upgrade)
		for _, x := range custom {
			if id := c.Custom[x.part]; id != "" {
				w.text(x.attribute, id)
			}
		}
		if len(c.Resolvers) > 0 || c.Domain != "" {
			w.block("dns", func(w *body) {
				if c.Domain != "" {
					w.text("domain", c.Domain)
				}
				if len(c.Resolvers) > 0 {
					w.texts("servers", addresses(c.Resolvers))
				}
			})
		}
		for _, a := range c.Addresses {
			w.block("ip_config", func(w *body) { ipConfig(w, a) })
		}
		if (c.User != "" || len(c.SSHKeys) > 0) && c.Custom["user"] == "" { // the provider takes one of both
			w.block("user_account", func(w *body) {
				if c.User != "" {
					w.text("username", c.User)
				}
				if len(c.SSHKeys) > 0 {
					w.texts("keys", c.SSHKeys)
				}
			})
		}
	})
}

func ipConfig(w *body, a vms.IP) {
	family := "ipv4"
	if a.Address.IsValid() && a.Address.Addr().Is6() {
		family = "ipv6"
	}
	switch {
	case a.DHCP:
		w.block("ipv4", func(w *body) { w.text("address", "dhcp") })
	case a.Address.IsValid():
		w.block(family, func(w *body) {
			w.text("address", a.Address.String())
			if a.Gateway != (netip.Addr{}) {
				w.text("gateway", a.Gateway.String())
			}
		})
	}
}
