package zfs

import (
	"fmt"
	"regexp"
	"strings"
)

// Property is one name=value pair that a create, set, snapshot or clone may
// carry. It comes from NewProperty only.
type Property struct{ name, value string }

// maxValue is ZFS_MAX_USERPROP_VALUE_LEN (8192) without its NUL.
const maxValue = 8191

// userProperty is the rule of zfsprops(7) for user properties: a colon, lower
// case letters, digits and : - . _
var userProperty = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*:[a-z0-9:._-]+$`)

// NewProperty returns a property that may be set below the root. User
// properties (with a colon) may have any printable value. Of zfs's own only
// those may be set that cannot reach outside the dataset: where a file system
// is mounted, shared or keeps its key is none of a caller's business.
func NewProperty(name, value string) (Property, error) {
	if err := checkValue(value); err != nil {
		return Property{}, fmt.Errorf("cannot set property %s: %w", quote(name), err)
	}
	if strings.Contains(name, ":") {
		if !userProperty.MatchString(name) || len(name) > MaxName {
			return Property{}, fmt.Errorf("cannot set property %s: not the name of a user property (zfsprops(7))", quote(name))
		}
		return Property{name: name, value: value}, nil
	}
	if value == "" || !settable(name, value) {
		return Property{}, fmt.Errorf("cannot set property %s to %s: it is not among those that may be set here", quote(name), quote(value))
	}
	return Property{name: name, value: value}, nil
}

// Name returns the property's name.
func (p Property) Name() string { return p.name }

// Value returns the property's value.
func (p Property) Value() string { return p.value }

func (p Property) arg() string { return p.name + "=" + p.value }

func settable(name, value string) bool {
	switch name {
	case "atime", "checksum", "compression", "copies", "dedup", "logbias",
		"primarycache", "quota", "redundant_metadata", "refquota", "refreservation",
		"relatime", "reservation", "secondarycache", "snapdev", "special_small_blocks",
		"sync", "volblocksize", "volmode", "volsize", "volthreading":
		return true
	case "mountpoint":
		return value == "none"
	case "canmount", "exec", "setuid", "devices":
		return value == "off"
	}
	return false
}

func checkValue(v string) error {
	if len(v) > maxValue {
		return fmt.Errorf("the value has %d bytes, zfs allows %d", len(v), maxValue)
	}
	for _, c := range v {
		// A tab or newline would break the columns of zfs's own output, which
		// readers (ours and democratic-csi) split on them.
		if c < ' ' || c == 0x7f || c == '\uFFFD' {
			return fmt.Errorf("the value contains a control character or is not UTF-8")
		}
	}
	return nil
}

// readable is the grammar of a property's name in a get or list.
var readable = regexp.MustCompile(`^[a-z][a-z0-9._-]*(:[a-z0-9:._-]+)?$`)

func checkReadable(names []string) error {
	for _, n := range names {
		if !readable.MatchString(n) || len(n) > MaxName {
			return fmt.Errorf("cannot read property %s: not the name of a property", quote(n))
		}
	}
	return nil
}
