package access_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waddle-social/waddle/internal/lab/pve"
	"github.com/waddle-social/waddle/internal/lab/pvesh"
	"github.com/waddle-social/waddle/pkg/vms/access"
	"github.com/waddle-social/waddle/pkg/vms/rest"
)

// This program is pvesh when the first variable is set: URL|node|CA file|password file. It is a setup that is
// killed at its n-th side effect when the second one is: N|URL|node|CA file|token file.
const pveshEnv, childEnv = "ACCESS_TEST_PVESH", "ACCESS_TEST_CHILD"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") {
		os.Exit(pvesh.Main(context.Background(), standIn(), os.Args[1:], os.Stdout, os.Stderr))
	}
	if a := strings.Split(os.Getenv(childEnv), "|"); len(a) == 5 {
		os.Exit(child(a))
	}
	goleak.VerifyTestMain(m)
}

// grants are few, and on each kind of path.
func grants() []access.Grant {
	return []access.Grant{
		{Path: "/", Privileges: []string{"Sys.Modify"}},
		{Path: "/vms", Privileges: []string{"VM.PowerMgmt", "VM.Audit"}},
		{Path: "/sdn/zones", Privileges: []string{"SDN.Use"}},
	}
}

type world struct {
	t    *testing.T
	node *pve.Server
	root access.Root
	file string
	args [][]string // what was on an argument list
	said []string
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
	password := filepath.Join(dir, "password")
	if err := os.WriteFile(password, []byte("root-password\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(pveshEnv, strings.Join([]string{node.URL(), node.Node(), node.CAFile(), password}, "|"))
	return &world{t: t, node: node, root: here{}, file: filepath.Join(dir, "etc", "proxmox-token")}
}

// here is pvesh without a process of its own: starting one takes long on a busy machine.
type here struct{}

func (here) Call(ctx context.Context, verb, path string, params [][2]string, out any) error {
	args := []string{verb, path}
	for _, kv := range params {
		args = append(args, "--"+kv[0], kv[1])
	}
	var stdout, stderr bytes.Buffer
	if code := pvesh.Main(ctx, standIn(), append(args, "--output-format", "json"), &stdout, &stderr); code != 0 {
		return errors.New(strings.Join(strings.Fields(stderr.String()), " "))
	}
	if out == nil || stdout.Len() == 0 {
		return nil
	}
	return json.Unmarshal(stdout.Bytes(), out)
}

func standIn() pvesh.Options {
	a := strings.Split(os.Getenv(pveshEnv), "|")
	return pvesh.Options{URL: a[0], ServerName: a[1], CAFile: a[2], PasswordFile: a[3]}
}

// Call records what would be on pvesh's argument list.
func (w *world) Call(ctx context.Context, verb, path string, params [][2]string, out any) error {
	w.args = append(w.args, append([]string{verb, path}, strings.Fields(fmt.Sprint(params))...))
	return w.root.Call(ctx, verb, path, params, out)
}

func (w *world) options() access.Options {
	return access.Options{
		Root: w, Grants: grants(), TokenFile: w.file, Verify: verify(w.node.URL(), w.node.Node(), w.node.CAFile()),
		Say: func(s string) { w.said = append(w.said, s) },
	}
}

func verify(url, name, ca string) func(context.Context, string) error {
	return func(ctx context.Context, token string) error {
		c := rest.New(rest.Options{URL: url, ServerName: name, CAFile: ca, Token: func() (string, error) { return token, nil }})
		defer c.Close()
		return access.Try(ctx, c)
	}
}

func (w *world) run(change func(*access.Options)) int {
	w.t.Helper()
	o := w.options()
	if change != nil {
		change(&o)
	}
	n, err := access.Run(w.t.Context(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

func (w *world) pvesh(verb, path string, params ...[2]string) json.RawMessage {
	w.t.Helper()
	var out json.RawMessage
	if err := w.root.Call(w.t.Context(), verb, path, params, &out); err != nil {
		w.t.Fatal(err)
	}
	return out
}

// right checks that everything is as it has to be: the token in the file works and may do what is granted,
// and nothing else; no other token of ours is left; a further run changes nothing.
func (w *world) right() {
	w.t.Helper()
	if n := w.run(nil); n != 0 {
		w.t.Errorf("a further run made %d changes: %q", n, w.said[len(w.said)-n:])
	}
	info, err := os.Stat(w.file)
	if err != nil || info.Mode().Perm() != 0o600 {
		w.t.Fatalf("the token's file: %v %v", info, err)
	}
	c := rest.New(rest.Options{URL: w.node.URL(), ServerName: w.node.Node(), CAFile: w.node.CAFile(), Token: rest.TokenFile(w.file)})
	defer c.Close()
	may := map[string]map[string]rest.Int{}
	if err := c.Do(w.t.Context(), "GET", "/access/permissions", nil, &may); err != nil {
		w.t.Fatal(err)
	}
	for _, g := range grants() {
		for _, p := range g.Privileges {
			if _, ok := may[g.Path][p]; !ok {
				w.t.Errorf("the token has no %s on %s: %v", p, g.Path, may)
			}
		}
		if len(may[g.Path]) != len(g.Privileges) {
			w.t.Errorf("the token may %v on %s", may[g.Path], g.Path)
		}
	}
	var tokens []struct{ Tokenid string }
	if err := json.Unmarshal(w.pvesh("get", "/access/users/waddle@pve/token"), &tokens); err != nil {
		w.t.Fatal(err)
	}
	ours := 0
	for _, t := range tokens {
		if strings.HasPrefix(t.Tokenid, "daemon-") {
			ours++
		}
	}
	if ours != 1 {
		w.t.Errorf("there are %d tokens of ours: %v", ours, tokens)
	}
	w.noSecretOutside()
}

func (w *world) noSecretOutside() {
	w.t.Helper()
	raw, err := os.ReadFile(w.file)
	if err != nil {
		w.t.Fatal(err)
	}
	_, secret, _ := strings.Cut(strings.TrimSpace(string(raw)), "=")
	if all := fmt.Sprint(w.args, w.said); secret == "" || strings.Contains(all, secret) {
		w.t.Errorf("the secret is on an argument list or was said:\n%s", all)
	}
}

func TestAFreshNodeGetsWhatIsNeededAndASecondRunChangesNothing(t *testing.T) {
	w := newWorld(t)
	w.root = access.Pvesh{Program: os.Args[0]} // a process, as on a host
	if n := w.run(nil); n == 0 {
		t.Fatal("nothing was made")
	}
	w.right()
	t.Logf("said:\n%s", strings.Join(w.said, "\n"))
}

func TestADryRunSaysTheSameAndChangesNothing(t *testing.T) {
	w := newWorld(t)
	would := w.run(func(o *access.Options) { o.DryRun = true })
	wouldSay := w.said
	if roles := string(w.pvesh("get", "/access/roles")); strings.Contains(roles, "waddle") {
		t.Error("a role was made")
	}
	if _, err := os.Stat(w.file); err == nil {
		t.Error("the token was written")
	}
	w.said = nil
	if did := w.run(nil); did != would || strings.Join(w.said, "\n") != strings.Join(wouldSay, "\n") {
		t.Errorf("it said it would:\n%s\nand did:\n%s", strings.Join(wouldSay, "\n"), strings.Join(w.said, "\n"))
	}
}

func TestRotateMakesANewTokenAndTheOldOneIsWorthNothing(t *testing.T) {
	w := newWorld(t)
	w.run(nil)
	old, err := rest.TokenFile(w.file)()
	if err != nil {
		t.Fatal(err)
	}
	w.run(func(o *access.Options) { o.Rotate = true })
	w.right()
	now, err := rest.TokenFile(w.file)()
	if err != nil || now == old {
		t.Fatalf("the token is the old one: %v", err)
	}
	if err := w.options().Verify(t.Context(), old); !errors.Is(err, access.ErrRefused) {
		t.Errorf("the old token: %v", err)
	}
}

func TestWhateverSomebodyChangedIsPutRight(t *testing.T) {
	acl := func(path, who, kind, role string, more ...[2]string) func(w *world) {
		return func(w *world) {
			w.pvesh("set", "/access/acl", append([][2]string{{"path", path}, {kind, who}, {"roles", role}, {"propagate", "1"}}, more...)...)
		}
	}
	remove := [2]string{"delete", "1"}
	cases := map[string]func(w *world){
		"a role may more": func(w *world) {
			w.pvesh("set", "/access/roles/waddle-vms", [2]string{"privs", "VM.Audit,VM.PowerMgmt,VM.Console"})
		},
		"a role may less": func(w *world) { w.pvesh("set", "/access/roles/waddle-vms", [2]string{"privs", "VM.Audit"}) },
		"a role is gone":  func(w *world) { w.pvesh("delete", "/access/roles/waddle-vms") },
		"a role of an earlier version": func(w *world) {
			w.pvesh("create", "/access/roles", [2]string{"roleid", "waddle-pool"}, [2]string{"privs", "Pool.Audit"})
		},
		"the user has a role no more":  acl("/vms", "waddle@pve", "users", "waddle-vms", remove),
		"the token has a role no more": acl("/vms", "waddle@pve!daemon-1", "tokens", "waddle-vms", remove),
		"the user has another role":    acl("/vms", "waddle@pve", "users", "PVEVMAdmin"),
		"the token has another role":   acl("/storage", "waddle@pve!daemon-1", "tokens", "PVEDatastoreAdmin"),
		"the token is gone":            func(w *world) { w.pvesh("delete", "/access/users/waddle@pve/token/daemon-1") },
		"the token has no separation":  func(w *world) { w.pvesh("set", "/access/users/waddle@pve/token/daemon-1", [2]string{"privsep", "0"}) },
		"the token is expired":         func(w *world) { w.pvesh("set", "/access/users/waddle@pve/token/daemon-1", [2]string{"expire", "1000"}) },
		"the token was made anew by hand": func(w *world) {
			w.pvesh("delete", "/access/users/waddle@pve/token/daemon-1")
			w.pvesh("create", "/access/users/waddle@pve/token/daemon-1", [2]string{"privsep", "1"})
		},
		"a token of a killed run": func(w *world) {
			w.pvesh("create", "/access/users/waddle@pve/token/daemon-7", [2]string{"privsep", "1"})
		},
		"the user is gone":         func(w *world) { w.pvesh("delete", "/access/users/waddle@pve") },
		"the file is gone":         func(w *world) { w.must(os.Remove(w.file)) },
		"the file is rubbish":      func(w *world) { w.must(os.WriteFile(w.file, []byte("rubbish"), 0o600)) },
		"the file is empty":        func(w *world) { w.must(os.WriteFile(w.file, nil, 0o600)) },
		"others may read the file": func(w *world) { w.must(os.Chmod(w.file, 0o644)) },
		"the file has root's token": func(w *world) {
			w.must(os.WriteFile(w.file, []byte("root@pam!daemon-1=01234567-89ab-cdef-0123-456789abcdef"), 0o600))
		},
	}
	for name, wrong := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.run(nil)
			wrong(w)
			if n := w.run(nil); n == 0 {
				t.Error("it was not noticed")
			}
			w.right()
		})
	}
	t.Logf("%d cells of drift", len(cases))
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestWhatIsSomebodyElsesStays(t *testing.T) {
	w := newWorld(t)
	w.pvesh("create", "/access/roles", [2]string{"roleid", "operator"}, [2]string{"privs", "VM.Audit"})
	w.pvesh("create", "/access/users", [2]string{"userid", "ops@pve"})
	w.pvesh("set", "/access/acl", [2]string{"path", "/vms"}, [2]string{"users", "ops@pve"}, [2]string{"roles", "operator"})
	w.run(nil)
	w.pvesh("create", "/access/users/waddle@pve/token/by-hand", [2]string{"privsep", "1"})
	w.run(func(o *access.Options) { o.Rotate = true })
	w.right()
	all := string(w.pvesh("get", "/access/roles")) + string(w.pvesh("get", "/access/acl")) + string(w.pvesh("get", "/access/users/waddle@pve/token"))
	for _, want := range []string{`"operator"`, `"ops@pve"`, `"by-hand"`} {
		if !strings.Contains(all, want) {
			t.Errorf("%s is gone:\n%s", want, all)
		}
	}
}

func TestWhatCannotBeSetUpSaysWhy(t *testing.T) {
	for name, x := range map[string]struct {
		wrong func(w *world, o *access.Options)
		says  string
	}{
		"no Proxmox": {func(_ *world, o *access.Options) { o.Root = access.Pvesh{Program: "no-such-pvesh"} }, "is this a Proxmox VE node?"},
		"the user is disabled": {func(w *world, _ *access.Options) {
			w.pvesh("create", "/access/users", [2]string{"userid", "waddle@pve"}, [2]string{"enable", "0"})
		}, "pveum user modify waddle@pve --enable 1"},
		"an unknown privilege": {func(_ *world, o *access.Options) {
			o.Grants[0].Privileges = []string{"Sys.Nonsense"}
			o.Root = access.Pvesh{Program: os.Args[0]}
		}, "400 Parameter verification failed. privs:"},
		"the API is not there": {func(w *world, o *access.Options) { o.Verify = verify("https://127.0.0.1:1", "pve", w.node.CAFile()) }, "connection refused"},
		"another certificate":  {func(w *world, o *access.Options) { o.Verify = verify(w.node.URL(), "other", w.node.CAFile()) }, "certificate cannot be verified"},
		"the node refuses":     {func(w *world, _ *access.Options) { w.inject("/access/roles") }, "injected"},
		"the file's directory": {func(w *world, o *access.Options) {
			w.must(os.WriteFile(w.file+"-dir", nil, 0o600))
			o.TokenFile = w.file + "-dir/x"
		}, "not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			o := w.options()
			w.must(os.MkdirAll(filepath.Dir(w.file), 0o700))
			x.wrong(w, &o)
			_, err := access.Run(t.Context(), o)
			if err == nil || !strings.Contains(err.Error(), x.says) || !strings.HasPrefix(err.Error(), "cannot set up the access to Proxmox: ") {
				t.Errorf("%v", err)
			}
		})
	}
}

func (w *world) inject(path string) {
	w.t.Helper()
	_, err := w.node.Inject(pve.Fault{Kind: pve.FaultHTTP, Path: path, Status: 500, Text: "injected"})
	w.must(err)
}

func TestTwoAtOnceMakeOneToken(t *testing.T) {
	w := newWorld(t)
	var all sync.WaitGroup
	for range 2 {
		o := w.options()
		o.Root, o.Say = w.root, nil
		all.Go(func() {
			if _, err := access.Run(t.Context(), o); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	w.right()
}

func child(a []string) int {
	at, _ := strconv.Atoi(a[0])
	n := 0
	_, err := access.Run(context.Background(), access.Options{
		Root: here{}, Grants: grants(), TokenFile: a[4], Verify: verify(a[1], a[2], a[3]), Rotate: true,
		Seam: func(op string) error {
			if n++; n == at {
				fmt.Println("killed at: " + op)
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				time.Sleep(time.Hour)
			}
			return nil
		},
	})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

func TestKilledAtEverySideEffectTheDaemonCanWorkAndTheNextRunFinishes(t *testing.T) {
	kills := 0
	for _, before := range []string{"fresh", "rotating"} {
		for n := 1; ; n++ {
			w := newWorld(t)
			if before == "rotating" {
				w.run(nil)
			}
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), childEnv+"="+strings.Join([]string{strconv.Itoa(n), w.node.URL(), w.node.Node(), w.node.CAFile(), w.file}, "|"))
			out, err := cmd.Output()
			where, killed := strings.CutPrefix(strings.TrimSpace(string(out)), "killed at: ")
			if !killed {
				if err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				break
			}
			kills++
			if before == "rotating" {
				token, err := rest.TokenFile(w.file)()
				if err == nil {
					err = w.options().Verify(t.Context(), token)
				}
				if err != nil {
					t.Errorf("killed at %q, the daemon's token is worth nothing: %v", where, err)
				}
			}
			w.run(nil)
			w.right()
		}
	}
	t.Logf("%d kills", kills)
}
