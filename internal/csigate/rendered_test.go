package csigate_test

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/waddle-social/waddle/internal/csigate"
	"github.com/waddle-social/waddle/internal/csigate/csigatetest"
	"github.com/waddle-social/waddle/internal/csigate/execute"
	"github.com/waddle-social/waddle/internal/csigate/values"
	"github.com/waddle-social/waddle/internal/lab/lio"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/pkg/iscsi"
)

// driverConfig is what the driver reads of its configuration.
type driverConfig struct {
	Instance string `yaml:"instance_id"`
	SSH      struct {
		Username   string `yaml:"username"`
		PrivateKey string `yaml:"privateKey"`
		Port       int    `yaml:"port"`
	} `yaml:"sshConnection"`
	ZFS struct {
		V     string `yaml:"datasetParentName"`
		S     string `yaml:"detachedSnapshotsDatasetParentName"`
		Block string `yaml:"zvolBlocksize"`
	} `yaml:"zfs"`
	ISCSI struct {
		Portal    string `yaml:"targetPortal"`
		TargetCLI struct {
			Basename string `yaml:"basename"`
			Group    struct {
				Attributes yaml.MapSlice `yaml:"attributes"`
				Auth       yaml.MapSlice `yaml:"auth"`
			} `yaml:"tpg"`
			Block struct {
				Attributes yaml.MapSlice `yaml:"attributes"`
			} `yaml:"block"`
		} `yaml:"shareStrategyTargetCli"`
	} `yaml:"iscsi"`
}

func lines(all yaml.MapSlice) []string {
	var s []string
	for _, i := range all {
		s = append(s, fmt.Sprintf("%v=%v", i.Key, i.Value))
	}
	return s
}

// TestWhatIsRenderedIsWhatIsAccepted lets a driver with the rendered
// configuration talk to an endpoint with the policy of the same platform.
func TestWhatIsRenderedIsWhatIsAccepted(t *testing.T) {
	text, err := os.ReadFile("../../examples/waddle-social.yaml")
	must(t, err)
	for kind, chap := range map[platform.CHAP]iscsi.CHAP{
		platform.NoCHAP:     {},
		platform.OneWayCHAP: {User: "waddle", Password: iscsi.NewSecret("one-way-secret.1")},
		platform.MutualCHAP: {User: "waddle", Password: iscsi.NewSecret("one-way-secret.1"), MutualUser: "host", MutualPassword: iscsi.NewSecret("mutual_secret.22")},
	} {
		t.Run(string(kind), func(t *testing.T) {
			p, err := platform.Parse("example", text)
			must(t, err)
			p = p.WithDefaults()
			p.Spec.Storage.CHAP = kind
			w := newWorld(t)
			w.policy = func(of *execute.Policy) {
				policy, err := execute.PolicyOf(p, chap)
				must(t, err)
				*of = policy
			}
			w.start()
			d := w.rendered(p, values.Secrets{ClientKey: w.keys.ClientPrivate, CHAP: chap})
			must(t, d.Probe())
			must(t, d.CreateVolume("pvc-1", 16<<20))
			must(t, d.CreateSnapshot("pvc-1", "snap-1", false))
			must(t, d.CreateVolumeFromSnapshot("pvc-2", 32<<20, "pvc-1@snap-1", false))
			node, from := "iqn.2004-10.com.example:node", netip.MustParseAddr("10.10.0.10")
			if err := w.tree.Login(d.IQN("pvc-1"), d.Portal, node, from, lio.Credentials{}); (err == nil) != (kind == platform.NoCHAP) {
				t.Fatalf("a login without CHAP: %v", err)
			}
			must(t, w.tree.Login(d.IQN("pvc-1"), d.Portal, node, from, lio.Credentials{User: chap.User, Password: chap.Password.Reveal()}))
			w.tree.Logout(d.IQN("pvc-1"), node)
			must(t, d.DeleteVolume("pvc-2"))
			must(t, d.DeleteSnapshot("pvc-1@snap-1"))
			must(t, d.DeleteVolume("pvc-1"))
			w.holds(0)
			audit := fmt.Sprintf("%+v", w.records())
			for _, secret := range []string{chap.Password.Reveal(), chap.MutualPassword.Reveal()} {
				if secret != "" && strings.Contains(audit, secret) {
					t.Fatalf("a secret is in the audit:\n%s", audit)
				}
			}
			if got := csigate.Nodes(p); len(got) != 3 || got[0].String() != "10.10.0.10/32" {
				t.Fatalf("nodes %v", got)
			}
		})
	}
}

// rendered sets the driver up by the rendered configuration.
func (w *world) rendered(p *platform.Platform, s values.Secrets) csigatetest.Driver {
	w.t.Helper()
	b, err := values.Render(p, values.Options{Secrets: &s})
	must(w.t, err)
	var secret struct {
		StringData map[string]string `yaml:"stringData"`
	}
	must(w.t, yaml.Unmarshal(b.Manifests[1].YAML, &secret))
	var c driverConfig
	must(w.t, yaml.Unmarshal([]byte(secret.StringData["driver-config-file.yaml"]), &c))
	if c.SSH.Username != csigate.User || c.SSH.PrivateKey != w.keys.ClientPrivate.Reveal() || c.ZFS.Block != "16K" {
		w.t.Fatal("the configuration has another user, key or block size")
	}
	d := w.d
	d.V, d.S, d.Base, d.Portal, d.Instance = c.ZFS.V, c.ZFS.S, c.ISCSI.TargetCLI.Basename, c.ISCSI.Portal, c.Instance
	d.Group, d.Auth, d.Block = lines(c.ISCSI.TargetCLI.Group.Attributes), lines(c.ISCSI.TargetCLI.Group.Auth), lines(c.ISCSI.TargetCLI.Block.Attributes)
	return d
}
