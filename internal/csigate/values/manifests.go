package values

import "github.com/waddle-social/waddle/internal/platform"

func object(api, kind, name, namespace string) m {
	metadata := m{{Key: "name", Value: name}}
	if namespace != "" {
		metadata = append(metadata, m{{Key: "namespace", Value: namespace}}...)
	}
	return m{{Key: "apiVersion", Value: api}, {Key: "kind", Value: kind}, {Key: "metadata", Value: metadata}}
}

// namespace allows privileged pods: Talos enforces the baseline elsewhere, and
// the node pods mount devices.
func (r *renderer) namespace() m {
	labels := m{}
	for _, mode := range []string{"enforce", "audit", "warn"} {
		labels = append(labels, m{{Key: "pod-security.kubernetes.io/" + mode, Value: "privileged"}}...)
	}
	return m{
		{Key: "apiVersion", Value: "v1"}, {Key: "kind", Value: "Namespace"},
		{Key: "metadata", Value: m{{Key: "name", Value: Namespace}, {Key: "labels", Value: labels}}},
	}
}

func (r *renderer) secret(name, key, text string) m {
	return append(object("v1", "Secret", name, Namespace), m{
		{Key: "type", Value: "Opaque"},
		{Key: "stringData", Value: m{{Key: key, Value: text}}},
	}...)
}

// chapManifest is what nodes log in to targets with: keys that start with
// node-db. go into the initiator's database of nodes.
func (r *renderer) chapManifest() m {
	chap := r.chap()
	const auth = "node-db.node.session.auth."
	data := m{{Key: auth + "authmethod", Value: "CHAP"}, {Key: auth + "username", Value: chap.user}, {Key: auth + "password", Value: chap.password}}
	if r.p.Spec.Storage.CHAP == platform.MutualCHAP {
		data = append(data, m{{Key: auth + "username_in", Value: chap.mutualUser}, {Key: auth + "password_in", Value: chap.mutualPassword}}...)
	}
	return append(object("v1", "Secret", chapSecret, Namespace), m{{Key: "type", Value: "Opaque"}, {Key: "stringData", Value: data}}...)
}

func (r *renderer) storageClass() m {
	class := object("storage.k8s.io/v1", "StorageClass", StorageClass, "")
	class[2].Value = append(class[2].Value.(m), m{{Key: "annotations", Value: m{{Key: "storageclass.kubernetes.io/is-default-class", Value: "true"}}}}...)
	parameters := m{{Key: "fsType", Value: "ext4"}}
	if r.p.Spec.Storage.CHAP != platform.NoCHAP {
		parameters = append(parameters, m{
			{Key: "csi.storage.k8s.io/node-stage-secret-name", Value: chapSecret},
			{Key: "csi.storage.k8s.io/node-stage-secret-namespace", Value: Namespace},
		}...)
	}
	return append(class, m{
		{Key: "provisioner", Value: DriverName},
		{Key: "parameters", Value: parameters},
		{Key: "reclaimPolicy", Value: "Delete"},
		{Key: "volumeBindingMode", Value: "Immediate"},
		{Key: "allowVolumeExpansion", Value: true},
	}...)
}

func (r *renderer) snapshotClass() m {
	return append(object("snapshot.storage.k8s.io/v1", "VolumeSnapshotClass", SnapshotClass, ""), m{
		{Key: "driver", Value: DriverName},
		{Key: "deletionPolicy", Value: "Delete"},
		{Key: "parameters", Value: m{{Key: "detachedSnapshots", Value: "false"}}},
	}...)
}
