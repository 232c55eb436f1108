package zfs

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	driver "github.com/waddle-social/waddle/pkg/zfs"
)

// native is what is known of one of zfs's own properties.
type native struct {
	value    string   // default
	allowed  []string // nil: a number of bytes
	inherits bool
	on       string // types it exists on: f, v, s
	once     bool   // only at creation
}

var onOff = []string{"on", "off"}

// natives is the table of settable properties (zfs_prop.c).
var natives = map[string]native{
	"atime":              {"on", onOff, true, "f", false},
	"canmount":           {"on", []string{"on", "off", "noauto"}, false, "f", false},
	"checksum":           {"on", []string{"on", "off", "fletcher2", "fletcher4", "sha256", "sha512", "skein", "edonr", "blake3"}, true, "fv", false},
	"compression":        {"on", []string{"on", "off", "lzjb", "gzip", "zle", "lz4", "zstd", "zstd-fast"}, true, "fv", false},
	"copies":             {"1", []string{"1", "2", "3"}, true, "fv", false},
	"dedup":              {"off", []string{"on", "off", "verify", "sha256"}, true, "fv", false},
	"devices":            {"on", onOff, true, "fs", false},
	"exec":               {"on", onOff, true, "fs", false},
	"logbias":            {"latency", []string{"latency", "throughput"}, true, "fv", false},
	"mountpoint":         {"", []string{}, true, "f", false},
	"primarycache":       {"all", []string{"all", "none", "metadata"}, true, "fvs", false},
	"quota":              {"0", nil, false, "f", false},
	"refquota":           {"0", nil, false, "f", false},
	"refreservation":     {"0", nil, false, "fv", false},
	"relatime":           {"on", onOff, true, "f", false},
	"reservation":        {"0", nil, false, "fv", false},
	"secondarycache":     {"all", []string{"all", "none", "metadata"}, true, "fvs", false},
	"setuid":             {"on", onOff, true, "fs", false},
	"snapdev":            {"hidden", []string{"hidden", "visible"}, true, "fv", false},
	"sync":               {"standard", []string{"standard", "always", "disabled"}, true, "fv", false},
	"volblocksize":       {"16384", nil, false, "v", true},
	"volmode":            {"default", []string{"default", "full", "geom", "dev", "none"}, true, "fv", false},
	"volsize":            {"0", nil, false, "v", false},
	"redundant_metadata": {"all", []string{"all", "most", "some", "none"}, true, "fv", false},
	"volthreading":       {"on", onOff, false, "v", false},
}

// readOnly are properties that zfs keeps itself.
var readOnly = []string{
	"name", "type", "origin", "creation", "guid", "used", "available", "referenced", "logicalused", "logicalreferenced",
	"usedbysnapshots", "compressratio", "refcompressratio", "defer_destroy", "userrefs", "written", "keystatus",
}

var aliases = map[string]string{"avail": "available", "refer": "referenced", "compress": "compression", "reserv": "reservation", "refreserv": "refreservation", "volblock": "volblocksize"}

func canonical(name string) string {
	if a := aliases[name]; a != "" {
		return a
	}
	return name
}

// assign checks one name=value for a dataset of the given type and stores it.
// what is zfs's sentence so far: "cannot set property for 'x'".
func assign(what string, n *node, pair string, creating bool) error {
	name, value, found := strings.Cut(pair, "=")
	if !found {
		return misuse(fmt.Sprintf("missing value in property=value list %q", pair))
	}
	name = canonical(name)
	if strings.Contains(name, ":") {
		n.keep(name, value)
		return nil
	}
	if slices.Contains(readOnly, name) {
		return refuse("%s: '%s' is readonly", what, name)
	}
	t, known := natives[name]
	if !known {
		return refuse("%s: invalid property '%s'", what, name)
	}
	if t.once && !creating {
		return refuse("%s: '%s' is readonly", what, name)
	}
	if n.Type == driver.Snapshots {
		return refuse("%s: this property can not be modified for snapshots", what)
	}
	if !t.existsOn(n.Type) {
		return refuse("%s: '%s' does not apply to datasets of this type", what, name)
	}
	if t.allowed != nil {
		if len(t.allowed) > 0 && !slices.Contains(t.allowed, value) {
			return refuse("%s: '%s' must be one of '%s'", what, name, strings.Join(t.allowed, " | "))
		}
		n.keep(name, value)
		return nil
	}
	return n.assignBytes(what, name, value)
}

func (n *node) assignBytes(what, name, value string) error {
	if value == "none" && name != "volsize" && name != "volblocksize" {
		value = "0"
	}
	bytes, err := driver.ParseSize(value)
	if err != nil {
		return refuse("%s: bad numeric value '%s'", what, value)
	}
	switch name {
	case "volsize":
		if bytes == 0 {
			return refuse("%s: 'volsize' cannot be zero", what)
		}
		if n.Block != 0 && bytes%n.Block != 0 {
			return refuse("%s: 'volsize' must be a multiple of volume block size (%dK)", what, n.Block>>10)
		}
		n.Size = bytes
	case "volblocksize":
		if bytes < 512 || bytes > 16<<20 || bytes&(bytes-1) != 0 {
			return refuse("%s: 'volblocksize' must be power of 2 from 512B to 16M", what)
		}
		n.Block = bytes
	default:
		n.keep(name, strconv.FormatUint(bytes, 10))
	}
	return nil
}

func (n *node) keep(name, value string) {
	if n.Props == nil {
		n.Props = map[string]string{}
	}
	n.Props[name] = value
}

func (t native) existsOn(kind string) bool {
	return strings.Contains(t.on, kind[:1])
}

// value returns a property as zfs get -p prints it, and its source; "-" where it
// does not exist.
func (p *Pool) value(n *node, name string) (value, source string) {
	name = canonical(name)
	if strings.Contains(name, ":") {
		return p.inherited(n, name, "-", true)
	}
	if v, ok := p.kept(n, name); ok {
		return v, "-"
	}
	t, known := natives[name]
	switch {
	case !known:
		return "-", "-"
	case name == "volsize" && n.Size > 0:
		if n.Type == driver.Snapshots {
			return strconv.FormatUint(n.Size, 10), "-"
		}
		return strconv.FormatUint(n.Size, 10), "local"
	case !t.existsOn(n.Type):
		return "-", "-"
	case name == "volblocksize":
		// It is no entry of the dataset's own; only the default is told apart
		// (module/zfs/dsl_prop.c, dsl_prop_nvlist_add_uint64).
		size := strconv.FormatUint(n.Block, 10)
		if size == t.value && n.Type == driver.Volumes {
			return size, "default"
		}
		return size, "-"
	case name == "mountpoint":
		return p.inherited(n, name, "/"+n.Name, true)
	}
	return p.inherited(n, name, t.value, t.inherits)
}

func (p *Pool) inherited(n *node, name, fallback string, inherits bool) (value, source string) {
	if v, ok := n.Props[name]; ok {
		return v, "local"
	}
	if !inherits {
		return fallback, "default"
	}
	for up := above(n.Name); up != ""; up = above(up) {
		if v, ok := p.nodes[up].Props[name]; ok {
			if name == "mountpoint" && v != "none" && v != "legacy" {
				v += strings.TrimPrefix(n.Name, up)
			}
			return v, "inherited from " + up
		}
	}
	if fallback == "-" {
		return fallback, "-"
	}
	return fallback, "default"
}

func above(name string) string {
	if dataset, _, snapshot := strings.Cut(name, "@"); snapshot {
		return dataset
	}
	return parent(name)
}

// kept returns what zfs itself keeps of a dataset.
func (p *Pool) kept(n *node, name string) (string, bool) {
	snapshot := n.Type == driver.Snapshots
	number := func(v uint64) (string, bool) { return strconv.FormatUint(v, 10), true }
	switch name {
	case "name":
		return n.Name, true
	case "type":
		return n.Type, true
	case "origin":
		if n.Origin == "" {
			return "-", true
		}
		return n.Origin, true
	case "creation":
		return strconv.FormatInt(n.Created, 10), true
	case "guid":
		return number(n.GUID)
	case "used", "logicalused":
		return number(p.used(n.Name))
	case "referenced", "logicalreferenced", "written":
		return number(p.referenced(n))
	case "available":
		if snapshot {
			return "-", true
		}
		return number(p.available(n.Name))
	case "usedbysnapshots":
		if snapshot {
			return "-", true
		}
		var sum uint64
		for _, b := range p.below(n.Name) {
			if strings.HasPrefix(b, n.Name+"@") {
				sum += p.referenced(p.nodes[b])
			}
		}
		return number(sum)
	case "compressratio", "refcompressratio":
		return "1.00", true
	case "defer_destroy":
		if !snapshot {
			return "-", true
		}
		if n.Defer {
			return "on", true
		}
		return "off", true
	case "userrefs":
		if !snapshot {
			return "-", true
		}
		return "0", true
	}
	return "", false
}

func (p *Pool) set(args []string) (string, error) {
	o, err := getopt(args, "u")
	if err != nil {
		return "", err
	}
	at := slices.IndexFunc(o.rest, func(a string) bool { return !strings.Contains(a, "=") })
	if at <= 0 {
		return "", misuse("missing property=value argument")
	}
	for _, name := range o.rest[at:] {
		n := p.nodes[name]
		if n == nil {
			return "", refuse("cannot open '%s': dataset does not exist", name)
		}
		changed := n.copy()
		for _, pair := range o.rest[:at] {
			if err := assign(fmt.Sprintf("cannot set property for '%s'", name), changed, pair, false); err != nil {
				var r refusal
				if errors.As(err, &r) {
					return "", rejected(r)
				}
				return "", err
			}
		}
		if err := p.reserve(changed, n); err != nil {
			return "", refuse("cannot set property for '%s': size is greater than available space", name)
		}
		if err := p.resize(changed, n); err != nil {
			return "", err
		}
		if err := p.save(changed); err != nil {
			return "", err
		}
	}
	return "", nil
}

func (n *node) copy() *node {
	c := *n
	c.Props = map[string]string{}
	for k, v := range n.Props {
		c.Props[k] = v
	}
	return &c
}
