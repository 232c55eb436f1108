package execute

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/waddle-social/waddle/internal/csigate/grammar"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/pkg/iscsi"
	"github.com/waddle-social/waddle/pkg/zfs"
)

// Policy is what the platform allows the driver. A script or property that says
// something else is refused: what a volume's target looks like is decided here,
// not by whoever holds the key.
type Policy struct {
	Portal iscsi.Portal
	// Group are the attributes of every target's portal group, Block those of its
	// backstore.
	Group map[string]string
	Block map[string]string
	CHAP  iscsi.CHAP
	// Properties are zfs's own properties that may be set, each with its values.
	Properties map[string][]string
	// InstanceID is the driver's instance_id; empty when it has none.
	InstanceID string
	// Overcommit is how much the volumes together may promise, in percent of what
	// the root dataset can hold. Default: 100.
	Overcommit uint64
	// MaxVolumes is how many volumes there may be. Default: 2048.
	MaxVolumes int
}

// GroupAttributes are the attributes of the portal group of every target. Nodes
// have no ACLs of their own, so they log in by generate_node_acls, with which the
// kernel wants cache_dynamic_acls too; CHAP is asked for in the same way.
func GroupAttributes(chap platform.CHAP) map[string]string {
	all := map[string]string{"authentication": "0", "generate_node_acls": "1", "cache_dynamic_acls": "1", "demo_mode_write_protect": "0"}
	if chap != platform.NoCHAP {
		all["authentication"] = "1"
	}
	return all
}

// BlockAttributes are those of every backstore. emulate_tpu is UNMAP: what a file
// system frees is given back to the pool.
func BlockAttributes() map[string]string { return map[string]string{"emulate_tpu": "1"} }

// BlockSize is the volumes' block size as the driver writes it.
const BlockSize = "16K"

// PolicyOf returns the policy of a platform. chap are the secrets that its
// spec.storage.chap asks for.
func PolicyOf(p *platform.Platform, chap iscsi.CHAP) (Policy, error) {
	s := p.Spec.Storage
	portal, err := iscsi.ParsePortal(s.Portal.String())
	if err != nil {
		return Policy{}, err
	}
	if wantUser, wantMutual := s.CHAP != platform.NoCHAP, s.CHAP == platform.MutualCHAP; wantUser != (chap.User != "") || wantMutual != (chap.MutualUser != "") {
		return Policy{}, fmt.Errorf("cannot serve volumes: spec.storage.chap is %s and the CHAP secrets given do not fit that", s.CHAP)
	}
	return Policy{
		Portal: portal, Group: GroupAttributes(s.CHAP), Block: BlockAttributes(), CHAP: chap,
		Properties: map[string][]string{"volblocksize": {BlockSize}, "refreservation": {"0"}},
		InstanceID: string(p.Metadata.Name), Overcommit: uint64(s.Overcommit), MaxVolumes: int(s.MaxVolumes),
	}, nil
}

func (p *Policy) fill() {
	if p.Overcommit == 0 {
		p.Overcommit = 100
	}
	if p.MaxVolumes == 0 {
		p.MaxVolumes = 2048
	}
}

// Asset returns the name that a volume's backstore has, and its target behind
// the base name: the driver's default, the volume's name in lower case.
func Asset(v zfs.Volume) string { return strings.ToLower(v.Base()) }

// Target returns the target that exports a volume. The endpoint and what
// restores targets at boot use the same.
func (p Policy) Target(base iscsi.Base, v zfs.Volume, device string) (iscsi.Target, error) {
	return p.TargetOf(base, Asset(v), device)
}

// agrees refuses a script that would make the target another one.
func (p Policy) agrees(c grammar.CreateTarget) error {
	for _, part := range []struct {
		where  string
		script []grammar.Attribute
		want   map[string]string
	}{{"portal group", c.Attributes, p.Group}, {"backstore", c.Block, p.Block}} {
		for _, a := range part.script {
			want, known := part.want[a.Name]
			if !known {
				return grammar.Refuse("attribute %s of the %s is not one that the platform sets (%s); render the driver's configuration again: waddle storage csi-values",
					grammar.Quote(a.Name), part.where, strings.Join(slices.Sorted(maps.Keys(part.want)), ", "))
			}
			if a.Value != want {
				return grammar.Refuse("attribute %s of the %s is %s on this platform, not %s; render the driver's configuration again: waddle storage csi-values",
					a.Name, part.where, want, a.Value)
			}
		}
	}
	return p.agreesCHAP(c.Auth)
}

func (p Policy) agreesCHAP(script []grammar.Auth) error {
	want := map[string]string{}
	for name, value := range map[string]string{
		"userid": p.CHAP.User, "password": p.CHAP.Password.Reveal(),
		"mutual_userid": p.CHAP.MutualUser, "mutual_password": p.CHAP.MutualPassword.Reveal(),
	} {
		if value != "" {
			want[name] = value
		}
	}
	seen := map[string]bool{}
	for _, a := range script {
		if !same(want[a.Name], a.Value) || seen[a.Name] {
			return grammar.Refuse("CHAP %s is not what the platform says; render the driver's configuration again: waddle storage csi-values", a.Name)
		}
		seen[a.Name] = true
	}
	if len(seen) != len(want) {
		return grammar.Refuse("the script has %d of the platform's %d CHAP values; render the driver's configuration again: waddle storage csi-values", len(seen), len(want))
	}
	return nil
}
