package preflight_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/waddle-social/waddle/internal/lab/pve"
	"github.com/waddle-social/waddle/internal/lab/pvesh"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/preflight"
	"github.com/waddle-social/waddle/internal/proxmox"
	"github.com/waddle-social/waddle/pkg/vms/access"
	"github.com/waddle-social/waddle/pkg/vms/rest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a simulated node that `waddled setup proxmox` has been run on, and a host on which all is well.
type world struct {
	t     *testing.T
	node  *pve.Server
	pvesh pvesh.Options
	token string
	ca    string
	url   string
	s     preflight.Sources
	p     *platform.Platform
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	node, err := pve.Open(t.Context(), pve.Options{Dir: dir, Timing: pve.Scaled(0.002)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := node.Close(); err != nil {
			t.Error(err)
		}
	})
	raw, err := os.ReadFile("../../examples/waddle-social.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, err := platform.Parse("platform.yaml", raw)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, node: node, p: p, token: filepath.Join(dir, "token"), ca: node.CAFile(), url: node.URL()}
	w.pvesh = pvesh.Options{URL: node.URL(), ServerName: node.Node(), CAFile: node.CAFile(), PasswordFile: filepath.Join(dir, "password")}
	if err := os.WriteFile(w.pvesh.PasswordFile, []byte("root-password"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = access.Run(t.Context(), access.Options{Root: w, Grants: proxmox.Grants(), TokenFile: w.token, Verify: func(context.Context, string) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	w.s = preflight.Sources{
		Platform: func() (*platform.Platform, error) { return w.p, nil }, Node: "pve",
		Network: func(context.Context) []string { return nil },
		Bridges: func() ([]string, error) { return []string{"vmbr0"}, nil },
		Proxmox: func(node string) *rest.Client {
			return rest.New(rest.Options{URL: w.url, ServerName: node, CAFile: w.ca, Token: rest.TokenFile(w.token)})
		},
		Free: func(string) (int64, error) { return 100 << 30, nil }, StateDir: "/var/lib/waddle",
	}
	return w
}

// Call is access.Root through the stand-in of pvesh.
func (w *world) Call(ctx context.Context, verb, path string, params [][2]string, out any) error {
	args := []string{verb, path}
	for _, kv := range params {
		args = append(args, "--"+kv[0], kv[1])
	}
	var stdout, stderr bytes.Buffer
	if code := pvesh.Main(ctx, w.pvesh, append(args, "--output-format", "json"), &stdout, &stderr); code != 0 {
		return errors.New(stderr.String())
	}
	if out == nil || stdout.Len() == 0 {
		return nil
	}
	return json.Unmarshal(stdout.Bytes(), out)
}

func (w *world) root(verb, path string, params ...[2]string) {
	w.t.Helper()
	if err := w.Call(w.t.Context(), verb, path, params, nil); err != nil {
		w.t.Fatal(err)
	}
}

func show(r preflight.Report) string {
	var b strings.Builder
	for _, c := range r.Checks {
		fmt.Fprintf(&b, "%s: %s: %s | %s\n", c.State, c.Name, c.Detail, c.Remedy)
	}
	return b.String()
}

func TestAHostOnWhichAllIsWellIsReady(t *testing.T) {
	w := newWorld(t)
	r := w.s.Run(t.Context())
	if !r.Ready {
		t.Errorf("it is not ready:\n%s", show(r))
	}
	for _, c := range r.Checks {
		if c.State != preflight.OK || c.Remedy != "" {
			t.Errorf("%+v", c)
		}
	}
	t.Logf("%d checks:\n%s", len(r.Checks), show(r))
}

func TestEachThingThatIsMissingIsNamedWithItsRemedy(t *testing.T) {
	content := func(types string) func(*world) {
		return func(w *world) { w.root("set", "/storage/local", [2]string{"content", types}) }
	}
	cases := map[string]struct {
		wrong  func(w *world)
		name   string
		detail string
		remedy string
	}{
		"no document": {func(w *world) {
			w.s.Platform = func() (*platform.Platform, error) { return nil, errors.New("there is no platform document") }
		}, "platform", "there is no platform document", "waddle init --write"},
		"a driver lacks something": {func(w *world) {
			w.s.Network = func(context.Context) []string { return []string{"the kernel has no bridges: load the module bridge"} }
		}, "network", "load the module bridge", "run waddle preflight again"},
		"no public bridge":         {func(w *world) { w.s.Bridges = func() ([]string, error) { return nil, nil } }, "bridge.public", "there is no bridge vmbr0", "/etc/network/interfaces"},
		"links cannot be listed":   {func(w *world) { w.s.Bridges = func() ([]string, error) { return nil, errors.New("no netlink") } }, "bridge.public", "no netlink", "as root"},
		"the state's disk is full": {func(w *world) { w.s.Free = func(string) (int64, error) { return 1 << 30, nil } }, "space.state", "1.0 GiB are free in /var/lib/waddle, at least 2.0 GiB", "make room"},
		"no state directory":       {func(w *world) { w.s.Free = func(string) (int64, error) { return 0, os.ErrNotExist } }, "space.state", "cannot be looked at", "make the directory"},
		"storage is not there": {func(w *world) {
			w.s.Storage = func(context.Context) []preflight.Check {
				return []preflight.Check{{Name: "storage.zfs", State: preflight.Missing, Detail: "no pool rpool", Remedy: "make it"}}
			}
		}, "storage.zfs", "no pool rpool", "make it"},
		"the API is not there": {func(w *world) { w.url = "https://127.0.0.1:1" }, "proxmox.api", "connection refused", "systemctl status pveproxy"},
		"another certificate": {func(w *world) {
			w.ca = filepath.Join(w.t.TempDir(), "ca.pem")
			w.must(os.WriteFile(w.ca, []byte("none"), 0o600))
		}, "proxmox.tls", "cannot be verified with", "pvecm updatecerts"},
		"another name in the certificate": {func(w *world) { w.p = w.with(func(s *platform.Spec) { s.Host.Node = "other" }) }, "proxmox.tls", "other", "spec.host.node"},
		"no token":                        {func(w *world) { w.must(os.Remove(w.token)) }, "proxmox.token", "no such file", "waddled setup proxmox"},
		"others may read the token":       {func(w *world) { w.must(os.Chmod(w.token, 0o644)) }, "proxmox.token", "others than its owner may read it", "waddled setup proxmox"},
		"the token is deleted":            {func(w *world) { w.root("delete", "/access/users/waddle@pve/token/daemon-1") }, "proxmox.token", "no such token", "waddled setup proxmox"},
		"the token is expired":            {func(w *world) { w.root("set", "/access/users/waddle@pve/token/daemon-1", [2]string{"expire", "1000"}) }, "proxmox.token", "access expired", "waddled setup proxmox"},
		"the user is disabled":            {func(w *world) { w.root("set", "/access/users/waddle@pve", [2]string{"enable", "0"}) }, "proxmox.token", "is disabled", "waddled setup proxmox"},
		"the API is ill":                  {func(w *world) { w.inject("/version") }, "proxmox.token", "(500)", "journalctl"},
		"the nodes cannot be listed":      {func(w *world) { w.inject("/nodes") }, "proxmox.node", "(500)", "journalctl"},
		"no import":                       {content("iso,snippets"), "storage.images", "local has the content types iso,snippets, not import", "pvesm set local --content iso,snippets,import"},
		"no snippets":                     {content("import,iso"), "storage.snippets", "not snippets", "pvesm set local --content import,iso,snippets"},
		"the storage is disabled":         {func(w *world) { w.root("set", "/storage/local-zfs", [2]string{"disable", "1"}) }, "storage.disks", "local-zfs is disabled", "pvesm set local-zfs --disable 0"},
		"no such storage":                 {func(w *world) { w.p = w.with(func(s *platform.Spec) { s.Host.Storages.Disks = "nowhere" }) }, "storage.disks", "there is no storage nowhere", "spec.host.storages.disks"},
		"no room for the disks": {func(w *world) {
			w.p = w.with(func(s *platform.Spec) { s.VMs.Teleport.Disk = 500 * platform.GiB })
		}, "storage.disks", "are free in local-zfs", "make room"},
		"the pool is full": {func(w *world) {
			_, err := w.node.Inject(pve.Fault{Kind: pve.FaultFull, Storage: "local"})
			w.must(err)
		}, "storage.images", "0.0 GiB are free in local", "make room"},
	}
	for name, x := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			x.wrong(w)
			r := w.s.Run(t.Context())
			if r.Ready {
				t.Error("it is ready")
			}
			for _, c := range r.Checks {
				if c.Name == x.name && c.State == preflight.Missing {
					if !strings.Contains(c.Detail, x.detail) || !strings.Contains(c.Remedy, x.remedy) || strings.Contains(c.Detail+c.Remedy, "\n") {
						t.Errorf("%+v", c)
					}
					return
				}
			}
			t.Errorf("%s is not missing:\n%s", x.name, show(r))
		})
	}
	t.Logf("%d cells of what is missing", len(cases))
}

func TestEachPrivilegeThatIsTakenAwayIsNamedWithWhatItIsFor(t *testing.T) {
	w := newWorld(t)
	all := proxmox.Privileges()
	for _, gone := range all {
		for _, g := range proxmox.Grants() {
			if g.Path != gone.Path {
				continue
			}
			var rest []string
			for _, p := range g.Privileges {
				if p != gone.Name {
					rest = append(rest, p)
				}
			}
			role := "/access/roles/waddle" + strings.ReplaceAll(g.Path, "/", "-")
			w.root("set", role, [2]string{"privs", strings.Join(rest, ",")})
			r := w.s.Run(t.Context())
			want := gone.Name + " on " + gone.Path + " is missing, for: " + gone.For
			if got := show(r); strings.Count(got, " is missing, for: ") != 1 || !strings.Contains(got, want) {
				t.Errorf("without %s on %s:\n%s", gone.Name, gone.Path, got)
			}
			w.root("set", role, [2]string{"privs", strings.Join(g.Privileges, ",")})
		}
	}
	t.Logf("%d privileges", len(all))
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) with(change func(*platform.Spec)) *platform.Platform {
	p := w.p.Clone()
	change(&p.Spec)
	return p
}

func (w *world) inject(path string) {
	w.t.Helper()
	_, err := w.node.Inject(pve.Fault{Kind: pve.FaultHTTP, Path: path, Status: 500})
	w.must(err)
}
