package values

import (
	"fmt"

	"github.com/goccy/go-yaml"

	"github.com/waddle-social/waddle/internal/csigate/keys"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/pkg/iscsi"
)

// The names of what is made in the cluster.
const (
	Namespace         = "democratic-csi"
	DriverName        = "org.democratic-csi.iscsi"
	StorageClass      = "waddle-iscsi"
	SnapshotClass     = "waddle-iscsi"
	ControllerRelease = "zfs-iscsi" // the plan's name
	NodeRelease       = "zfs-iscsi-node"

	controllerConfig = "democratic-csi-config"
	nodeConfig       = "democratic-csi-node-config"
	chapSecret       = "democratic-csi-chap"

	// driverVersion is what the rendered configuration was tried with; the chart
	// would take "latest".
	driverVersion = "v1.9.4"
)

// Secrets are what the rendered files may contain.
type Secrets struct {
	ClientKey keys.Private
	CHAP      iscsi.CHAP
}

// Options says what is rendered.
type Options struct {
	// Secrets may be nil: then placeholders stand in their places.
	Secrets *Secrets
	// Snapshots is whether the cluster has the snapshot CRDs and controller.
	// Without them the sidecar for snapshots would crash.
	Snapshots bool
}

// Bundle is all that is rendered, in the order in which it is applied: manifests
// first, then releases.
type Bundle struct {
	Manifests []Manifest
	Releases  []Release
}

// Manifest is one Kubernetes object.
type Manifest struct {
	Name   string // of its file
	YAML   []byte
	Secret bool
}

// Release is one Helm release of a chart. Its values have no secrets.
type Release struct {
	Name       string
	Namespace  string
	Repository string
	Chart      string
	Version    string
	Values     []byte
}

// Render returns what democratic-csi needs for p, a platform with its defaults.
func Render(p *platform.Platform, o Options) (Bundle, error) {
	if o.Secrets != nil {
		if err := checkCHAP(p.Spec.Storage.CHAP, o.Secrets.CHAP); err != nil {
			return Bundle{}, fmt.Errorf("cannot render democratic-csi's configuration: %w", err)
		}
	}
	r := renderer{p: p, o: o}
	r.manifest("namespace.yaml", false, r.namespace())
	r.manifest("controller-config.yaml", true, r.secret(controllerConfig, configKey, r.text(r.controllerConfig())))
	r.manifest("node-config.yaml", false, r.secret(nodeConfig, configKey, r.text(r.nodeConfig())))
	if p.Spec.Storage.CHAP != platform.NoCHAP {
		r.manifest("chap.yaml", true, r.chapManifest())
	}
	r.manifest("storage-class.yaml", false, r.storageClass())
	if o.Snapshots {
		r.manifest("snapshot-class.yaml", false, r.snapshotClass())
	}
	r.release(ControllerRelease, r.controllerValues())
	r.release(NodeRelease, r.nodeValues())
	return r.bundle, r.fault
}

// m is a mapping whose keys keep their order.
type m = yaml.MapSlice

type renderer struct {
	p      *platform.Platform
	o      Options
	bundle Bundle
	fault  error
}

func (r *renderer) text(v any) string {
	b, err := yaml.MarshalWithOptions(v, yaml.UseLiteralStyleIfMultiline(true), yaml.IndentSequence(true))
	if err != nil && r.fault == nil {
		r.fault = fmt.Errorf("cannot render democratic-csi's configuration: %w", err)
	}
	return string(b)
}

func (r *renderer) manifest(name string, secret bool, v any) {
	r.bundle.Manifests = append(r.bundle.Manifests, Manifest{Name: name, YAML: []byte(r.text(v)), Secret: secret})
}

func (r *renderer) release(name string, values m) {
	c := r.p.Spec.Components.DemocraticCSI
	r.bundle.Releases = append(r.bundle.Releases, Release{Name: name, Namespace: Namespace,
		Repository: string(c.Source), Chart: "democratic-csi", Version: string(c.Version), Values: []byte(r.text(values))})
}
