package pve

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/waddle-social/waddle/internal/lab/pve/schema"
)

// normal is how Proxmox keeps a value: tags sorted and lower case, a card with a MAC.
func normal(opt, value string) string {
	switch {
	case opt == "tags":
		return uniqueTags(value)
	case netName.MatchString(opt):
		n, err := schema.Net.Parse(opt, value)
		if err != nil {
			return value
		}
		if n["macaddr"] == "" {
			n["macaddr"] = randomMAC()
		}
		n["macaddr"] = strings.ToUpper(n["macaddr"])
		return schema.Net.Print(n)
	case opt == "boot":
		return strings.ReplaceAll(value, ",", ";")
	}
	if p, ok := schema.Config.Lookup(opt); ok && p.Type == schema.Boolean {
		return value
	}
	return value
}

func uniqueTags(value string) string {
	tags := schema.List(strings.ToLower(value))
	slices.Sort(tags)
	return strings.Join(slices.Compact(tags), ";")
}

// randomMAC draws from Proxmox's own prefix.
func randomMAC() string {
	b := random(3)
	return fmt.Sprintf("BC:24:11:%02X:%02X:%02X", b[0], b[1], b[2])
}

// complete adds what Proxmox adds to a new configuration.
func complete(config map[string]string, now time.Time) {
	if smbios := config["smbios1"]; !strings.Contains(smbios, "uuid=") {
		config["smbios1"] = strings.TrimSuffix("uuid="+uuid.NewString()+","+smbios, ",")
	}
	if config["vmgenid"] == "" || config["vmgenid"] == "1" {
		config["vmgenid"] = uuid.NewString()
	}
	config["meta"] = fmt.Sprintf("creation-qemu=10.0.2,ctime=%d", now.Unix())
	if config["boot"] == "" {
		if order := bootOrder(config); order != "" {
			config["boot"] = "order=" + order
		}
	}
}

// bootOrder is Proxmox's own: the first disk, the first CD, the first card.
func bootOrder(config map[string]string) string {
	var disk, cd, net string
	for _, opt := range drives(config) {
		d := mustDrive(opt, config[opt])
		switch {
		case opt == "efidisk0" || opt == "tpmstate0":
		case d.disk() && disk == "":
			disk = opt
		case d["media"] == "cdrom" && !d.cloudinit() && cd == "":
			cd = opt
		}
	}
	if all := nets(config); len(all) > 0 {
		net = all[0]
	}
	order := slices.DeleteFunc([]string{disk, cd, net}, func(s string) bool { return s == "" })
	return strings.Join(order, ";")
}
