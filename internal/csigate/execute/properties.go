package execute

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/waddle-social/waddle/internal/csigate/grammar"
	"github.com/waddle-social/waddle/pkg/iscsi"
	"github.com/waddle-social/waddle/pkg/zfs"
)

// prefix is that of all user properties of the driver.
const prefix = "democratic-csi:"

// The user properties that a target is made again from after a boot.
const (
	assetProperty   = prefix + "iscsi_assets_name"
	contextProperty = prefix + "csi_share_volume_context"
)

var sourceID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:@/-]{0,254}$`)

// rule says what is wrong with a value; empty when nothing is.
type rule func(value string) string

func exactly(want string) rule {
	return func(v string) string {
		if v == want {
			return ""
		}
		return "it has to be " + grammar.Quote(want)
	}
}

func anyText(v string) string {
	if v == "" || len(v) > 255 {
		return "it has to have 1 to 255 bytes"
	}
	return ""
}

func anyID(v string) string {
	if sourceID.MatchString(v) {
		return ""
	}
	return "it has to be a volume's or snapshot's id"
}

// rules are the driver's user properties for each kind of object. v is the
// volume that a command is about.
func (e *Executor) rules(o grammar.Object, v zfs.Volume) map[string]rule {
	done := exactly("true")
	if o.IsSnapshot() || o.IsDetached() {
		return map[string]rule{
			prefix + "csi_snapshot_name":             anyText,
			prefix + "csi_snapshot_source_volume_id": anyID,
			prefix + "managed_resource":              done,
			prefix + "provision_success":             done,
		}
	}
	all := map[string]rule{
		prefix + "csi_volume_name":                   anyText,
		prefix + "managed_resource":                  done,
		prefix + "provision_success":                 done,
		prefix + "volume_context_provisioner_driver": exactly("zfs-generic-iscsi"),
		prefix + "csi_volume_content_source_id":      anyID,
		prefix + "csi_volume_content_source_type": func(s string) string {
			if s == "snapshot" || s == "volume" {
				return ""
			}
			return "it has to be snapshot or volume"
		},
		assetProperty:   exactly(Asset(v)),
		contextProperty: func(s string) string { return e.wrongContext(s, v) },
	}
	if e.o.Policy.InstanceID != "" {
		all[prefix+"volume_context_provisioner_instance_id"] = exactly(e.o.Policy.InstanceID)
	}
	return all
}

// properties checks and converts the properties of a command on o. A volsize is
// checked by whoever accounts for it.
func (e *Executor) properties(o grammar.Object, v zfs.Volume, all []grammar.Property) ([]zfs.Property, error) {
	rules := e.rules(o, v)
	seen := map[string]bool{}
	converted := make([]zfs.Property, 0, len(all))
	for _, p := range all {
		if seen[p.Name] {
			return nil, grammar.Refuse("property %s is given twice", grammar.Quote(p.Name))
		}
		seen[p.Name] = true
		if err := e.property(o, rules, p); err != nil {
			return nil, err
		}
		z, err := zfs.NewProperty(p.Name, p.Value)
		if err != nil {
			return nil, grammar.Refuse("property %s cannot be set to %s here", grammar.Quote(p.Name), grammar.Quote(p.Value))
		}
		converted = append(converted, z)
	}
	return converted, nil
}

func (e *Executor) property(o grammar.Object, rules map[string]rule, p grammar.Property) error {
	if check := rules[p.Name]; check != nil {
		if wrong := check(p.Value); wrong != "" {
			return grammar.Refuse("property %s of %s cannot be %s: %s", p.Name, o.Name(e.layout), grammar.Quote(p.Value), wrong)
		}
		return nil
	}
	if o.IsVolume() && p.Name == "volsize" {
		return nil
	}
	if values, known := e.o.Policy.Properties[p.Name]; known && o.IsVolume() {
		if slices.Contains(values, p.Value) {
			return nil
		}
		return grammar.Refuse("property %s cannot be %s: the platform allows %s", p.Name, grammar.Quote(p.Value), strings.Join(values, ", "))
	}
	return grammar.Refuse("property %s of %s is not the driver's to set", grammar.Quote(p.Name), o.Name(e.layout))
}

// volsize returns the volsize among properties, in bytes; 0 when there is none.
func volsize(all []grammar.Property) (uint64, error) {
	for _, p := range all {
		if p.Name != "volsize" {
			continue
		}
		n, err := strconv.ParseUint(p.Value, 10, 63)
		if err != nil || n == 0 {
			return 0, grammar.Refuse("size %s is not a positive number of bytes below 2^63", grammar.Quote(p.Value))
		}
		return n, nil
	}
	return 0, nil
}

// iqn returns the iSCSI name of a volume's target as the driver computes it.
func (e *Executor) iqn(v zfs.Volume) (iscsi.IQN, error) {
	i, err := e.o.ISCSI.Base().Target(Asset(v))
	if err != nil {
		return i, grammar.Refuse("volume id %s cannot be part of an iSCSI name: only letters, digits, - . and : can, and with %s at most %d bytes",
			grammar.Quote(v.Base()), e.o.ISCSI.Base(), iscsi.MaxIQN)
	}
	return i, nil
}
