package values

import "github.com/goccy/go-yaml"

func (r *renderer) controllerValues() m {
	return m{
		{Key: "csiDriver", Value: m{
			{Key: "name", Value: DriverName},
			{Key: "attachRequired", Value: true},
			{Key: "storageCapacity", Value: false},
		}},
		{Key: "driver", Value: chartDriver(controllerConfig)},
		{Key: "controller", Value: m{
			{Key: "replicaCount", Value: 1}, // the driver's locks are in one process
			{Key: "externalSnapshotter", Value: m{{Key: "enabled", Value: r.o.Snapshots}}},
			{Key: "driver", Value: m{
				image(),
				// With one shared connection the driver loses RPCs when it connects from
				// two at once, and exits when the endpoint is away for a moment.
				{Key: "extraEnv", Value: []m{env("SSH_REUSE_CONNECTION", "0")}},
			}},
		}},
		{Key: "node", Value: m{{Key: "enabled", Value: false}}},
	}
}

func (r *renderer) nodeValues() m {
	return m{
		{Key: "csiDriver", Value: m{
			{Key: "name", Value: DriverName},
			{Key: "enabled", Value: false}, // the controller's release has the object
		}},
		{Key: "driver", Value: chartDriver(nodeConfig)},
		{Key: "controller", Value: m{{Key: "enabled", Value: false}}},
		{Key: "node", Value: m{
			{Key: "hostPID", Value: true}, // iscsid is found among the host's processes
			{Key: "driver", Value: m{
				image(),
				{Key: "extraEnv", Value: []m{
					env("ISCSIADM_HOST_STRATEGY", "nsenter"),
					env("ISCSIADM_HOST_PATH", "/usr/local/sbin/iscsiadm"), // in the namespace of ext-iscsid
				}},
				// Talos 1.10 and later have /usr/local read-only, and the driver reads
				// nothing there.
				{Key: "iscsiDirHostPath", Value: "/var/iscsi"},
				{Key: "iscsiDirHostPathType", Value: "DirectoryOrCreate"},
			}},
		}},
	}
}

// chartDriver names the Secret; the chart decides by the driver's name which
// folders to mount.
func chartDriver(secret string) m {
	return m{
		{Key: "existingConfigSecret", Value: secret},
		{Key: "config", Value: m{{Key: "driver", Value: "zfs-generic-iscsi"}}},
	}
}

func image() yaml.MapItem {
	return yaml.MapItem{Key: "image", Value: m{{Key: "tag", Value: driverVersion}}}
}

func env(name, value string) m { return m{{Key: "name", Value: name}, {Key: "value", Value: value}} }
