package values

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/waddle-social/waddle/internal/csigate"
	"github.com/waddle-social/waddle/internal/csigate/execute"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/pkg/iscsi"
)

// configKey is the one key of a Secret that the chart looks at.
const configKey = "driver-config-file.yaml"

// controllerConfig is the driver's configuration with the key in it.
func (r *renderer) controllerConfig() m {
	ssh := r.sshConnection()
	ssh = append(ssh, m{{Key: "privateKey", Value: r.reveal(func(s *Secrets) string { return s.ClientKey.Reveal() })}}...)
	return r.config(ssh, r.auth())
}

// nodeConfig is the same without secrets: nodes read only what kind of driver it
// is, and log in with what the volume's context and the StorageClass say.
func (r *renderer) nodeConfig() m { return r.config(r.sshConnection(), nil) }

func (r *renderer) config(ssh, auth m) m {
	s := r.p.Spec.Storage
	tpg := m{{Key: "attributes", Value: r.numbers(execute.GroupAttributes(s.CHAP))}}
	if auth != nil {
		tpg = append(tpg, m{{Key: "auth", Value: auth}}...)
	}
	return m{
		{Key: "driver", Value: string(s.Driver)},
		{Key: "instance_id", Value: string(r.p.Metadata.Name)},
		{Key: "sshConnection", Value: ssh},
		{Key: "zfs", Value: m{
			{Key: "datasetParentName", Value: string(s.Dataset) + "/v"},
			{Key: "detachedSnapshotsDatasetParentName", Value: string(s.Dataset) + "/s"},
			{Key: "zvolEnableReservation", Value: false},
			{Key: "zvolBlocksize", Value: execute.BlockSize},
		}},
		{Key: "iscsi", Value: m{
			{Key: "shareStrategy", Value: "targetCli"},
			{Key: "shareStrategyTargetCli", Value: m{
				{Key: "basename", Value: string(s.IQNBase)},
				{Key: "tpg", Value: tpg},
				{Key: "block", Value: m{{Key: "attributes", Value: r.numbers(execute.BlockAttributes())}}},
			}},
			{Key: "targetPortal", Value: s.Portal.String()},
		}},
	}
}

func (r *renderer) sshConnection() m {
	return m{
		{Key: "host", Value: r.p.Spec.Network.Internal.Address.String()},
		{Key: "port", Value: int(r.p.Spec.Storage.EndpointPort)},
		{Key: "username", Value: csigate.User},
	}
}

// auth is what the driver writes into every target's script.
func (r *renderer) auth() m {
	kind := r.p.Spec.Storage.CHAP
	if kind == platform.NoCHAP {
		return nil
	}
	chap := r.chap()
	all := m{{Key: "userid", Value: chap.user}, {Key: "password", Value: chap.password}}
	if kind == platform.MutualCHAP {
		all = append(all, m{{Key: "mutual_userid", Value: chap.mutualUser}, {Key: "mutual_password", Value: chap.mutualPassword}}...)
	}
	return all
}

// revealed is CHAP as text, or placeholders.
type revealed struct{ user, password, mutualUser, mutualPassword string }

func (r *renderer) chap() revealed {
	of := func(f func(c iscsi.CHAP) string) string {
		return r.reveal(func(s *Secrets) string { return f(s.CHAP) })
	}
	return revealed{
		user: of(func(c iscsi.CHAP) string { return c.User }), password: of(func(c iscsi.CHAP) string { return c.Password.Reveal() }),
		mutualUser: of(func(c iscsi.CHAP) string { return c.MutualUser }), mutualPassword: of(func(c iscsi.CHAP) string { return c.MutualPassword.Reveal() }),
	}
}

// Placeholder stands where a secret would.
const Placeholder = "(secret; --reveal shows it)"

func (r *renderer) reveal(f func(*Secrets) string) string {
	if r.o.Secrets == nil {
		return Placeholder
	}
	return f(r.o.Secrets)
}

// numbers returns attributes in the order of their names, as numbers.
func (r *renderer) numbers(all map[string]string) m {
	var ordered m
	for _, name := range slices.Sorted(maps.Keys(all)) {
		n, err := strconv.Atoi(all[name])
		if err != nil && r.fault == nil {
			r.fault = fmt.Errorf("cannot render attribute %s: %w", name, err)
		}
		ordered = append(ordered, m{{Key: name, Value: n}}...)
	}
	return ordered
}
