package iscsi

import (
	"fmt"
	"regexp"
	"strings"
)

// MaxIQN is the longest iSCSI name in bytes (RFC 7143 section 4.2.7.2).
const MaxIQN = 223

// IQN is the name of a target or initiator. It comes from ParseIQN or a Base;
// the zero value is refused.
type IQN struct{ name string }

// iqnForm is the iqn. form of RFC 3720 section 3.2.6.3.1 after the string
// preparation of RFC 3722 (lower case letters, digits, - . :), with what
// targetcli asks beyond it: a naming authority that is a reversed domain of at
// least two labels, and no underscore. The kernel takes more; then targetcli
// could not show it.
var iqnForm = regexp.MustCompile(`^iqn\.[0-9]{4}-(0[1-9]|1[0-2])(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?){2,}(:[a-z0-9.:-]+)?$`)

// ParseIQN returns the iSCSI name that s is.
func ParseIQN(s string) (IQN, error) {
	if len(s) > MaxIQN {
		return IQN{}, fmt.Errorf("cannot use iSCSI name %s: it has %d bytes, at most %d are allowed", quote(s), len(s), MaxIQN)
	}
	if !iqnForm.MatchString(s) {
		return IQN{}, fmt.Errorf("cannot use iSCSI name %s: it has to be iqn.<year>-<month>.<reversed domain of two labels or more>[:<lower case letters, digits, - . :>], e.g. iqn.2026-01.social.waddle:csi", quote(s))
	}
	return IQN{name: s}, nil
}

// String returns the name; empty for the zero value.
func (i IQN) String() string { return i.name }

// Base is the name that all our targets start with, before a colon.
type Base struct{ name string }

// ParseBase returns the base name that s is, e.g. iqn.2026-01.social.waddle:csi.
func ParseBase(s string) (Base, error) {
	i, err := ParseIQN(s)
	if err != nil {
		return Base{}, err
	}
	return Base(i), nil
}

// String returns the base name.
func (b Base) String() string { return b.name }

// Target returns the name of the target for an asset, <base>:<asset>.
func (b Base) Target(asset string) (IQN, error) {
	if b.name == "" {
		return IQN{}, fmt.Errorf("cannot name a target for %s: no base name is set", quote(asset))
	}
	return ParseIQN(b.name + ":" + asset)
}

// Owns reports whether i is one of ours.
func (b Base) Owns(i IQN) bool { return b.name != "" && strings.HasPrefix(i.name, b.name+":") }

// Asset returns what stands behind the base name; empty when i is not ours.
func (b Base) Asset(i IQN) string {
	if !b.Owns(i) {
		return ""
	}
	return i.name[len(b.name)+1:]
}

func quote(s string) string {
	const most = 80
	if len(s) > most {
		return fmt.Sprintf("%q… (%d bytes)", s[:most], len(s))
	}
	return fmt.Sprintf("%q", s)
}
