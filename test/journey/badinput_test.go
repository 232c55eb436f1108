package journey

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/internal/lab"
)

// Sizes around what a platform document may have, 256 KiB: the parser refuses
// the first, with its better message, and the server does not even read the second.
const (
	justTooLarge = 257 << 10
	farTooLarge  = 300 << 10
)

func TestABadPlatformChangesNothing(t *testing.T) {
	h := newHost(t, lab.Options{Name: "badplatform"})
	h.start()
	h.setExample()
	h.apply(client.ApplyRequest{})
	good := string(read(t, example))
	c := h.overSocket()
	for _, bad := range []struct {
		name, document string
		status         int
		code           string
		says           []string // in the faults, each with its place
	}{
		{"no YAML", "a: [b\n", 422, "invalid_platform", []string{"platform.yaml:1:"}},
		{"nothing", "\n", 422, "invalid_platform", nil},
		{"rubbish", "\x00\x01\xff\xfe\n", 422, "invalid_platform", nil},
		{"aliases that would fill the memory", laughs(), 422, "invalid_platform", nil},
		{"an unknown key and a wrong type, both at once", strings.Replace(good, "  network:\n", "  netwrok: {}\n  storage: 7\n  network:\n", 1),
			422, "invalid_platform", []string{"netwrok", "spec.storage"}},
		{"a VIP that is a node's address, and two with one address", strings.Replace(good, "  network:\n",
			"  network:\n    addresses:\n      teleport: 10.10.0.10\n      kubernetesVIP: 10.10.0.11\n", 1),
			422, "invalid_platform", []string{"spec.network.addresses.teleport", "spec.network.addresses.kubernetesVIP"}},
		{"an address outside its network", strings.Replace(good, "  network:\n", "  network:\n    addresses:\n      gatewayVIP: 10.11.0.30\n", 1),
			422, "invalid_platform", []string{"spec.network.addresses.gatewayVIP"}},
		{"one that is just too large", good + strings.Repeat("# long\n", justTooLarge/7), 422, "invalid_platform", []string{"256"}},
		{"one that is far too large", good + strings.Repeat("# long\n", farTooLarge/7), 413, "too_large", nil},
	} {
		t.Run(bad.name, func(t *testing.T) {
			before := h.everything()
			for _, r := range []*reply{
				c.do("POST", "/v1/platform/validate", bad.document, "Content-Type: application/yaml"),
				c.do("PUT", "/v1/platform", bad.document, "Content-Type: application/yaml", "If-Match: *"),
			} {
				p := r.problem(bad.status, bad.code)
				faults := p.Detail
				for _, f := range p.Fields {
					faults += fmt.Sprintf("\n%s:%d:%d: %s: %s", f.File, f.Line, f.Column, f.Path, f.Message)
				}
				for _, words := range bad.says {
					if !strings.Contains(faults, words) {
						t.Errorf("%s: the faults do not say %q:\n%s", r.what, words, faults)
					}
				}
			}
			if after := h.everything(); after != before {
				t.Errorf("something changed (-before +after):\n%s", cmp.Diff(before, after))
			}
		})
	}
}

// laughs is a document of a thousand bytes that stands for one of many gigabytes.
func laughs() string {
	doc := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for n := 1; n < 12; n++ {
		alias := fmt.Sprintf("*a%d", n-1)
		doc += fmt.Sprintf("a%d: &a%d [%s]\n", n, n, strings.Join([]string{alias, alias, alias, alias, alias, alias, alias, alias, alias, alias}, ", "))
	}
	return doc
}

// everything is the host, the document and the operations that were made.
func (h *host) everything() string {
	h.t.Helper()
	list, err := h.api.ListOperationsWithResponse(h.t.Context(), nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return fmt.Sprintf("%s\n%s\n%d operations\n", h.snapshot(), h.run("stat -c '%n %a %i %Y' /etc/waddle/*; cat "+platformPath), len(list.JSON200.Operations))
}

func TestADocumentThatWasBrokenByHandStopsNothingThatRuns(t *testing.T) {
	h := newHost(t, lab.Options{Name: "badbyhand"})
	h.start()
	h.setExample()
	h.apply(client.ApplyRequest{})
	want := rulesAndLinks(h.snapshot())
	h.run("sed -i 's/kind: Platform/kind: Platfrom/' " + platformPath)
	for _, when := range []string{"while the daemon runs", "after a restart"} {
		status, err := h.api.GetStatusWithResponse(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		p := status.JSON200.Platform
		if p.Valid || !p.Present || !strings.Contains(p.Detail, ":4:") || !strings.Contains(p.Detail, "Platfrom") {
			t.Errorf("%s the status says of the document: %+v", when, p)
		}
		h.overSocket().do("POST", "/v1/apply", `{"through":1}`).problem(422, "invalid_platform")
		if got := rulesAndLinks(h.snapshot()); got != want {
			t.Errorf("%s the host has changed (-before +after):\n%s", when, cmp.Diff(want, got))
		}
		if err := h.StopDaemon(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.start()
	}
}

// rulesAndLinks is a snapshot without the files.
func rulesAndLinks(snapshot string) string {
	kept, _, _ := strings.Cut(snapshot, "[files]")
	return kept
}

const statePath = "/var/lib/waddle/state.db"

func TestAnUnusableStateFileIsNotTouchedAndTheDaemonSaysWhatToDo(t *testing.T) {
	h := newHost(t, lab.Options{Name: "badstate"})
	h.installWaddled()
	h.start()
	h.setExample()
	h.apply(client.ApplyRequest{})
	if err := h.StopDaemon(t.Context()); err != nil {
		t.Fatal(err)
	}
	good, err := h.Host.ReadFile(statePath)
	if err != nil {
		t.Fatal(err)
	}
	const keep, later = "keep this file, move it away, and put a backup in its place", "install the waddled that wrote it, or a later one"
	for _, c := range []struct {
		name  string
		state []byte
		hint  string
	}{
		{"text", []byte("this is no database\n"), keep},
		{"nothing at all", nil, keep},
		{"half of it", good[:len(good)/2], keep},
		{"its first two pages overwritten", append(make([]byte, 8192), good[8192:]...), keep},
		{"all pages but the first two overwritten", append(bytes.Clone(good[:8192]), bytes.Repeat([]byte{0xff}, len(good)-8192)...), keep},
		{"the database of another program", h.database("meta", "program", "another"), keep},
		{"a newer schema", h.withSchema(good, "99"), later},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := h.Host.WriteFile(statePath, c.state, 0o600); err != nil {
				t.Fatal(err)
			}
			before := h.allFiles()
			code, out := h.waddled(nil, "serve")
			if code != 1 || !strings.Contains(out, "cannot use the state file "+statePath+", nothing was changed") || !strings.Contains(out, "hint: "+c.hint) {
				t.Errorf("exit code %d and\n%s", code, out)
			}
			if after := h.allFiles(); after != before {
				t.Errorf("something changed (-before +after):\n%s", cmp.Diff(before, after))
			}
			if now, err := h.Host.ReadFile(statePath); err != nil || !bytes.Equal(now, c.state) {
				t.Errorf("the state file is not what it was (%v)", err)
			}
		})
	}
	if err := h.Host.WriteFile(statePath, good, 0o600); err != nil {
		t.Fatal(err)
	}
	h.start()
	if left := h.plan(); len(left) > 0 {
		t.Errorf("with the good file again an apply would change %+v", left)
	}
}

// allFiles is the host and what waddle has on its disk, with the files' contents.
func (h *host) allFiles() string {
	h.t.Helper()
	return h.snapshot() + h.run("for d in /var/lib/waddle /etc/waddle /run/waddle; do [ ! -e $d ] || find $d -printf '%p %y %m %i\\n' -type f -exec sha256sum {} +; done | sort")
}

// withSchema is the state file with another schema number.
func (h *host) withSchema(data []byte, number string) []byte {
	h.t.Helper()
	path := filepath.Join(h.t.TempDir(), "state.db")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		h.t.Fatal(err)
	}
	return h.put(path, "meta", "schema", number)
}

// database is a bbolt file of one key.
func (h *host) database(bucket, key, value string) []byte {
	h.t.Helper()
	return h.put(filepath.Join(h.t.TempDir(), "other.db"), bucket, key, value)
}

func (h *host) put(path, bucket, key, value string) []byte {
	h.t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Minute})
	if err != nil {
		h.t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte(bucket))
		if err != nil {
			return err
		}
		return b.Put([]byte(key), []byte(value))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		h.t.Fatal(err)
	}
	return read(h.t, path)
}

func TestAnUnsuitableHostIsOneClearLineEach(t *testing.T) {
	h := newHost(t, lab.Options{Name: "unsuitable"})
	h.installWaddled()
	h.run("mkdir -p /run/.lab/nothing /run/.lab/nophysdev")
	noMatch := "#!/bin/sh\necho \"iptables-restore: Couldn't load match \\`physdev': No such file or directory\" >&2\nexit 2\n"
	if err := h.Host.WriteFile("/run/.lab/nophysdev/iptables-restore", []byte(noMatch), 0o755); err != nil {
		t.Fatal(err)
	}
	before := h.allFiles()
	for _, c := range []struct {
		name string
		as   []string
		env  string
		line string
	}{
		{"no root", []string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"}, "", "the network cannot be changed without CAP_NET_ADMIN: run as root"},
		{"no iptables", nil, "PATH=/run/.lab/nothing", ": install the package iptables"},
		{"no match physdev in the kernel", nil, "PATH=/run/.lab/nophysdev:" + os.Getenv("PATH"), "Couldn't load match `physdev'"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var env []string
			if c.env != "" {
				env = []string{c.env}
			}
			code, out := h.waddledAs(c.as, env, "serve")
			if code != 1 || strings.Count(out, c.line) != 1 || !strings.Contains(out, "waddled: waddled cannot work on this host:") {
				t.Errorf("exit code %d and\n%s\nwant one line with %q", code, out, c.line)
			}
			if lines := strings.Count(strings.TrimSpace(out), "\n") + 1; lines > 3 {
				t.Errorf("it takes %d lines to say so:\n%s", lines, out)
			}
			if after := h.allFiles(); after != before {
				t.Errorf("something changed (-before +after):\n%s", cmp.Diff(before, after))
			}
		})
	}
}

func TestASecondDaemonIsRefusedAndTheFirstGoesOn(t *testing.T) {
	h := newHost(t, lab.Options{Name: "second"})
	h.installWaddled()
	h.start()
	h.setExample()
	h.apply(client.ApplyRequest{})
	first, _ := h.Daemon()
	for _, c := range []struct {
		name string
		args []string
		says string
	}{
		{"on the same state and socket", nil, "cannot open the state file " + statePath + ": another process holds it"},
		{"on the same state", []string{"--socket", "/run/other/waddled.sock"}, "cannot open the state file " + statePath + ": another process holds it"},
		{"on the same socket", []string{"--state-dir", "/run/.lab/other"}, "cannot listen on /run/waddle/waddled.sock: another process answers there"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := h.allFiles()
			code, out := h.waddled(nil, append([]string{"serve"}, c.args...)...)
			if code != 1 || !strings.Contains(out, c.says) || !strings.Contains(out, "systemctl stop waddled") {
				t.Errorf("exit code %d and\n%s\nwant %q", code, out, c.says)
			}
			if after := h.allFiles(); after != before {
				t.Errorf("something changed (-before +after):\n%s", cmp.Diff(before, after))
			}
			if pid, runs := h.Daemon(); !runs || pid != first {
				t.Fatalf("the first daemon does not run any more")
			}
			h.overSocket().do("GET", "/v1/status", "").want(200)
		})
	}
}

func TestAnInternalBridgeThatSomebodyElseConfiguredIsAConflictWithBothSides(t *testing.T) {
	h := newHost(t, lab.Options{Name: "conflict"})
	h.start()
	h.setExample()
	for _, c := range []struct {
		name, before, after string
		object, is, want    string
	}{
		{"another address", "ip link add vmbr1 type bridge; ip addr add 192.168.99.1/24 dev vmbr1; ip link set vmbr1 up", "ip link del vmbr1",
			"link vmbr1", "192.168.99.1/24", "10.10.0.1/24"},
		{"a physical port", "ip link add eth7 type vxlan id 7 dstport 4789; ip link add vmbr1 type bridge; ip link set eth7 master vmbr1; ip addr add 10.10.0.1/24 dev vmbr1", "ip link del vmbr1; ip link del eth7",
			"link vmbr1", "port eth7", "no physical port"},
		{"no bridge", "ip link add vmbr1 type vxlan id 7 dstport 4789", "ip link del vmbr1",
			"link vmbr1", "type vxlan", "10.10.0.1/24"},
		{"another address in /etc/network/interfaces", "printf 'auto vmbr1\\niface vmbr1 inet static\\n\\taddress 192.168.99.1/24\\n\\tbridge-ports none\\n' >> /etc/network/interfaces", "sed -i '/vmbr1/,$d' /etc/network/interfaces",
			"file /etc/network/interfaces, iface vmbr1", "192.168.99.1/24", "10.10.0.1/24"},
		{"the internal address on another link", "ip link add lan0 type bridge; ip link set lan0 up; ip addr add 10.10.0.1/24 dev lan0", "ip link del lan0",
			"address 10.10.0.1/24 on lan0", "10.10.0.1/24", "10.10.0.1/24 on vmbr1 alone"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.run("set -e; " + c.before)
			defer h.run(c.after)
			before := rulesApart(h.snapshot())
			found := h.conflict("network.bridge", c.object)
			if !strings.Contains(found.Is, c.is) || !strings.Contains(found.Want, c.want) || found.Note == "" {
				t.Errorf("the plan shows %+v, want it to show that %s is %q and should be %q", found, c.object, c.is, c.want)
			}
			for _, agreed := range []string{`{"through":1}`, `{"through":1,"adopt":true}`} {
				op := h.overSocket().do("POST", "/v1/apply?wait=2m", agreed).want(200).operation()
				if op.State != client.OperationStateFailed || op.Error == nil || op.Error.Code != "conflict" || op.Error.Step != "network.bridge" {
					t.Fatalf("the apply ended %s: %+v", op.State, op.Error)
				}
				for _, side := range []string{c.object, c.is, c.want} {
					if !strings.Contains(op.Error.Detail, side) {
						t.Errorf("the apply's error does not show %q: %s", side, op.Error.Detail)
					}
				}
			}
			if after := rulesApart(h.snapshot()); after != before {
				t.Errorf("the apply changed the network (-before +after):\n%s", cmp.Diff(before, after))
			}
		})
	}
	h.apply(client.ApplyRequest{}) // once nothing is in the way any more
}

// rulesApart is a snapshot without the packet filter, whose steps are others
// than the bridge's.
func rulesApart(snapshot string) string {
	var kept []string
	for section := range strings.SplitSeq(snapshot, "\n\n") {
		heading, _, _ := strings.Cut(section, "\n")
		switch heading {
		case "[iptables]", "[ip6tables]", "[nftables]", "[legacy iptables]":
			continue
		case "[files]":
			for line := range strings.Lines(section) {
				if !strings.HasPrefix(line, "/etc/waddle") {
					kept = append(kept, line)
				}
			}
		default:
			kept = append(kept, section, "\n")
		}
	}
	return strings.Join(kept, "")
}

// conflict returns the step's conflict about the object in a plan.
func (h *host) conflict(step, object string) (found client.Difference) {
	h.t.Helper()
	for _, s := range h.plan() {
		if s.ID != step {
			continue
		}
		for _, d := range s.Result.Differences {
			if d.Kind == client.DifferenceKindConflict && d.Object == object {
				return d
			}
		}
		h.t.Errorf("the plan of %s has no conflict about %q: %+v", step, object, s.Result.Differences)
	}
	return found
}

// waddled runs the real daemon until it ends, which it has to do by itself, and
// returns its exit code and what it printed.
func (h *host) waddled(env []string, args ...string) (code int, out string) {
	h.t.Helper()
	return h.waddledAs(nil, env, args...)
}

func (h *host) waddledAs(as, env []string, args ...string) (code int, out string) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), 2*time.Minute)
	defer cancel()
	cmd := h.Host.Command(ctx, append(append(as, waddledPath), args...)...)
	cmd.Env = append(os.Environ(), env...)
	text, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		h.t.Fatalf("waddled %s did not end by itself: %v\n%s", strings.Join(args, " "), err, text)
	}
	return cmd.ProcessState.ExitCode(), string(text)
}
