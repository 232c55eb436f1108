package csigatetest

import (
	"errors"
	"fmt"
	"strings"
)

// zfs runs a zfs command as the driver does: a code of its own that is not 0 is
// an error with stderr's text, none at all is success.
func (d Driver) zfs(command string, ignored ...string) (string, error) {
	r, err := d.Wire.Exec(command, false)
	if err != nil {
		return "", err
	}
	if r.Code > 0 {
		for _, text := range ignored {
			if strings.Contains(r.Stderr, text) {
				return r.Stdout, nil
			}
		}
		return "", errors.New(strings.TrimSpace(r.Stderr))
	}
	return r.Stdout, nil
}

func (d Driver) script(command string) error {
	r, err := d.Wire.Exec(command, true)
	if err != nil {
		return err
	}
	if r.Code != 0 {
		return fmt.Errorf("%+v", r)
	}
	return nil
}

// steps runs until the first that fails.
func steps(all ...func() error) error {
	for _, step := range all {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (d Driver) run(command string, ignored ...string) func() error {
	return func() error { _, err := d.zfs(command, ignored...); return err }
}

const (
	missing = "does not exist"
	there   = "dataset already exists"
)

// Probe is the RPC.
func (d Driver) Probe() error {
	out, err := d.zfs("echo $0")
	if err == nil && (out == "" || strings.Contains(out, "csh")) {
		err = fmt.Errorf("no shell: %q", out)
	}
	return err
}

// look is the driver's check of an existing volume of the same name.
func (d Driver) look(id string) error {
	_, err := d.zfs(zfsGet+"volsize,refquota "+d.V+"/"+id, "dataset does not exist")
	if err != nil {
		return err
	}
	out, err := d.zfs("uname -s")
	if err == nil && strings.TrimSpace(out) != "Linux" {
		err = fmt.Errorf("driver only available for Linux, this is %q", out)
	}
	return err
}

// publish is what every CreateVolume ends with.
func (d Driver) publish(id string, bytes uint64) error {
	name := d.V + "/" + id
	return steps(
		d.run(Set(name, Pair("volsize", fmt.Sprint(bytes)))),
		func() error { return d.script(d.CreateTarget(id)) },
		d.run(Set(name, Pair(properties+"iscsi_assets_name", Asset(id)))),
		d.run(Set(name, Pair(properties+"csi_share_volume_context", d.Context(id)))),
		d.run(Set(name, Pair(properties+"provision_success", "true"))),
	)
}

// CreateVolume is the RPC for an empty volume.
func (d Driver) CreateVolume(id string, bytes uint64) error {
	return steps(
		func() error { return d.look(id) },
		d.run(d.Create(id, bytes), there),
		func() error { return d.publish(id, bytes) },
	)
}

// CreateVolumeFromVolume is the RPC with a volume as source; detached makes a
// full copy.
func (d Driver) CreateVolumeFromVolume(id string, bytes uint64, source string, detached bool) error {
	snapshot := d.V + "/" + source + "@volume-source-for-volume-" + id
	return steps(
		func() error { return d.look(id) },
		d.run(zfs+"snapshot "+snapshot, there),
		func() error { return d.from("volume", source, snapshot, id, detached) },
		func() error {
			if !detached {
				return nil
			}
			return d.run(zfs+"destroy -r -f -p -d "+snapshot, missing, "could not find any snapshots")()
		},
		func() error { return d.publish(id, bytes) },
	)
}

// CreateVolumeFromSnapshot is the RPC with a snapshot (id@name, or id/name of a
// detached one) as source.
func (d Driver) CreateVolumeFromSnapshot(id string, bytes uint64, source string, detached bool) error {
	if strings.Contains(source, "@") {
		return steps(
			func() error { return d.look(id) },
			func() error { return d.from("snapshot", source, d.V+"/"+source, id, detached) },
			func() error { return d.publish(id, bytes) },
		)
	}
	snapshot := d.S + "/" + source + "@volume-source-for-volume-" + id
	return steps(
		func() error { return d.look(id) },
		d.run(zfs+"snapshot "+snapshot, there),
		func() error { return d.from("snapshot", source, snapshot, id, detached) },
		d.run(zfs+"destroy -r -f -p -d "+snapshot, missing, "could not find any snapshots"),
		func() error { return d.publish(id, bytes) },
	)
}

func (d Driver) from(kind, source, snapshot, id string, detached bool) error {
	if !detached {
		return d.run(d.Clone(kind, source, snapshot, id), there)()
	}
	pairs := append(d.volumeProperties(id), Pair(properties+"csi_volume_content_source_type", kind), Pair(properties+"csi_volume_content_source_id", source))
	return steps(
		func() error {
			_, err := d.zfs(Copy(snapshot, d.V+"/"+id))
			if err != nil && strings.Contains(err.Error(), "destination") && strings.Contains(err.Error(), "exists") {
				return nil
			}
			return err
		},
		d.run(Set(d.V+"/"+id, pairs...)),
		d.run(zfs+"destroy -f -p "+d.V+"/"+id+"@%", "could not find any snapshots to destroy"),
	)
}

// DeleteVolume is the RPC.
func (d Driver) DeleteVolume(id string) error {
	name := d.V + "/" + id
	out, err := d.zfs(zfsGet+"mountpoint,origin,refquota,compression,democratic-csi:csi_volume_name "+name, "dataset does not exist")
	if err != nil {
		return err
	}
	origin := ""
	for line := range strings.Lines(out) {
		if f := strings.Split(line, "\t"); len(f) > 2 && f[1] == "origin" {
			origin = f[2]
		}
	}
	asset, err := d.zfs(zfsGet+"democratic-csi:iscsi_assets_name "+name, missing)
	if err != nil {
		return err
	}
	if asset != "" {
		if err := d.script(d.DeleteTarget(id)); err != nil {
			return err
		}
	}
	if _, snapshot, _ := strings.Cut(origin, "@"); strings.HasPrefix(snapshot, "volume-source-for-volume-") {
		if _, err := d.zfs(zfs+"destroy -r -f -p -d "+origin, missing); err != nil {
			return err
		}
	}
	return d.run(zfs+"destroy -r -f -p "+name, "dataset does not exist", "could not find any snapshots to destroy")()
}

// ExpandVolume is the RPC.
func (d Driver) ExpandVolume(id string, bytes uint64) error {
	return steps(d.run(zfsGet+"volblocksize "+d.V+"/"+id), d.run(Set(d.V+"/"+id, Pair("volsize", fmt.Sprint(bytes)))))
}

// CreateSnapshot is the RPC.
func (d Driver) CreateSnapshot(id, name string, detached bool) error {
	kind := "snapshot"
	if detached {
		kind = "volume"
	}
	scan := zfs + "list -r -Hp -t " + kind + " -o " + scanSnapshots + " "
	own := []string{Pair(properties+"csi_snapshot_name", name), Pair(properties+"csi_snapshot_source_volume_id", id), Pair(properties+"managed_resource", "true")}
	if err := steps(d.run(scan+d.S, missing), d.run(scan+d.V)); err != nil {
		return err
	}
	if !detached {
		snapshot := d.V + "/" + id + "@" + name
		return steps(
			d.run(zfs+"snapshot"+flags("-o ", own)+" "+snapshot, there),
			d.run(zfsGet+"-t snapshot "+oneSnapshot+" "+snapshot),
			d.run(Set(snapshot, Pair(properties+"provision_success", "true"))),
		)
	}
	temporary, to := "volume-source-for-snapshot-"+name, d.S+"/"+id+"/"+name
	return steps(
		d.run(zfs+"create -p "+d.S+"/"+id),
		d.run(zfs+"snapshot "+d.V+"/"+id+"@"+temporary, there),
		func() error {
			_, err := d.zfs(Copy(d.V+"/"+id+"@"+temporary, to))
			if err != nil && strings.Contains(err.Error(), "destination") && strings.Contains(err.Error(), "exists") {
				return nil
			}
			return err
		},
		d.run(Set(to, own...)),
		d.run(zfs+"destroy -r -f -p -d "+to+"@"+temporary, missing, "could not find any snapshots"),
		d.run(zfs+"destroy -r -f -p -d "+d.V+"/"+id+"@"+temporary, missing, "could not find any snapshots"),
		d.run(zfsGet+"-t volume "+oneSnapshot+" "+to),
		d.run(Set(to, Pair(properties+"provision_success", "true"))),
	)
}

// DeleteSnapshot is the RPC.
func (d Driver) DeleteSnapshot(id string) error {
	if strings.Contains(id, "@") {
		return d.run(zfs+"destroy -r -f -p -d "+d.V+"/"+id, missing, "could not find any snapshots")()
	}
	parent, _, _ := strings.Cut(id, "/")
	if !strings.Contains(id, "/") {
		return steps(
			d.run(zfs+"destroy -r -f -p "+d.S+"/"+id, missing),
			d.run(zfs+"destroy -p "+d.S+"@%", "could not find any snapshots to destroy"),
			d.run(zfs+"destroy -p "+d.S, "filesystem has children"),
		)
	}
	return steps(
		d.run(zfs+"destroy -r -f -p "+d.S+"/"+id, missing),
		d.run(zfs+"destroy -p "+d.S+"/"+parent+"@%", "could not find any snapshots to destroy", missing),
		d.run(zfs+"destroy -p "+d.S+"/"+parent, "filesystem has children", missing),
	)
}
