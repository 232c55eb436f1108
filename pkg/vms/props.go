package vms

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// props is a property string in pieces: virtio=MAC,bridge=vmbr1.
type props map[string]string

// parseProps takes a property string apart. A piece without a name is that of first.
func parseProps(text, first string) props {
	p := props{}
	for part := range strings.SplitSeq(text, ",") {
		name, value, named := strings.Cut(part, "=")
		switch {
		case part == "":
		case named:
			p[name] = value
		default:
			p[first] = part
		}
	}
	return p
}

// print writes the pieces, first without its name at the beginning, the rest sorted.
func (p props) print(first string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(p)) {
		if name != first {
			parts = append(parts, name+"="+p[name])
		}
	}
	if p[first] != "" {
		parts = append([]string{p[first]}, parts...)
	}
	return strings.Join(parts, ",")
}

// card is a network card's property string as a comparable text: what means the same
// reads the same.
func card(text string) string {
	p := parseProps(text, "model")
	for name, value := range maps.Clone(p) {
		if isMAC(value) { // MODEL=MAC is short for model=MODEL,macaddr=MAC
			if name != "macaddr" {
				delete(p, name)
				p["model"] = name
			}
			p["macaddr"] = strings.ToUpper(value)
		}
	}
	for _, off := range []string{"firewall", "link_down"} {
		if p[off] == "0" {
			delete(p, off)
		}
	}
	return p.print("model")
}

func isMAC(text string) bool { return len(text) == 17 && strings.Count(text, ":") == 5 }

// macs are the addresses of a VM's cards, in capitals.
func macs(options map[string]string) map[string]string {
	all := map[string]string{}
	for name, value := range options {
		if _, is := index(name, "net"); is {
			if mac := parseProps(card(value), "model")["macaddr"]; mac != "" {
				all[mac] = name
			}
		}
	}
	return all
}

func numbered(kind string, n int) string { return fmt.Sprint(kind, n) }

// index is the number of an option such as net1.
func index(option, kind string) (int, bool) {
	digits, is := strings.CutPrefix(option, kind)
	n, err := strconv.Atoi(digits)
	return n, is && err == nil && digits == strconv.Itoa(n)
}

// bytesOf reads a disk's size as Proxmox writes it: 10G, 10240M, or bytes.
func bytesOf(text string) int64 {
	unit := int64(1)
	for suffix, size := range map[string]int64{"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40} {
		if digits, is := strings.CutSuffix(text, suffix); is {
			text, unit = digits, size
			break
		}
	}
	n, _ := strconv.ParseFloat(text, 64)
	return int64(n * float64(unit))
}
