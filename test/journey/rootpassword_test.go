package journey

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/internal/lab"
)

// Root's password is what it was set to, its gate is done, and the password is
// nowhere but in the answer: not on the disk, not in the log, not in what the API
// tells, however the request was made and whether it was taken or not.
func TestRootsPasswordIsSetAndIsNowhereInClear(t *testing.T) {
	h := newHost(t, lab.Options{Name: "rootpw"})
	h.startWaddled() // which makes a hash in a tenth of the time that one built with -race takes
	h.setExample()
	h.apply(client.ApplyRequest{})
	root := h.overSocket()
	tls := h.overTLS(h.plugCI(ciAddress), ciAddress, h.token("ops", "admin"))
	const path, key = "/v1/host/root-password", "Idempotency-Key: "

	const refused = 4 // a caller
	var canaries []string
	canary := func(n string) string {
		c := "canary-of-" + n + "-correct-horse"
		canaries = append(canaries, c)
		return c
	}
	if h.gateDone("host.root-password") {
		t.Fatal("the gate is done before anything was set")
	}
	for name, c := range map[string]*caller{"socket": root, "TLS": tls} {
		given := canary("given-" + name)
		c.do("PUT", path, `{"password":"`+given+`"}`, key+"k1").want(200)
		h.rootLogsInWith(given)
		c.do("PUT", path, `{"password":"`+canary("short-" + name)[:11]+`"}`).problem(400, "invalid_request")
		c.do("PUT", path, `{"password":"`+canary("lines-"+name)+`\n"}`).problem(400, "invalid_request")
		c.do("PUT", path, `{"password":{"`+canary("typed-"+name)+`":1}}`).problem(400, "invalid_request")
		c.do("PUT", path, `{"password":"`+canary("broken-"+name)).problem(400, "invalid_request")
		h.rootLogsInWith(given)

		var made client.RootPasswordSet
		c.do("PUT", path, `{"generate":true}`, key+"k2").want(200).decode(&made)
		h.rootLogsInWith(made.Password)
		canaries = append(canaries, made.Password)
		var again client.RootPasswordSet
		c.do("PUT", path, `{"generate":true}`, key+"k2").want(200).decode(&again)
		if again.Password == made.Password || again.Password == "" {
			t.Error("the answer was kept for a retry")
		}
		canaries = append(canaries, again.Password)
		h.rootLogsInWith(again.Password)
	}
	if !h.gateDone("host.root-password") {
		t.Error("the gate is not done")
	}

	told := ""
	for _, p := range []string{"/v1/status", "/v1/operations", "/v1/phases/0", "/v1/plan", "/metrics", "/v1/host"} {
		told += string(root.do("GET", p, "").want(200).body)
	}
	times := 0
	events := h.eventsUntil(func(e client.Event) bool {
		if e.Type == "root-password" {
			times++
		}
		return times == len(canaries)-2*refused
	})
	if !strings.Contains(events, "root's password set by uid 0 (root)") {
		t.Errorf("no event says who has set it: %s", events)
	}
	log, err := os.ReadFile(h.DaemonLog())
	if err != nil {
		t.Fatal(err)
	}
	files := h.run(`find /etc /var/lib/waddle /var/log /run /root -xdev -type f -size -4M -newer /etc/waddle/platform.yaml -exec cat {} + 2>/dev/null; cat /etc/shadow /var/lib/waddle/state.db; find /var/lib/waddle/access -type f -exec cat {} +`)
	if !strings.Contains(files, "root:$y$") || len(log) == 0 {
		t.Fatal("what was searched has no hash, or no log: it proves nothing")
	}
	for where, text := range map[string]string{"a file": files, "the daemon's log": string(log), "what the API tells": told, "the events": events, "the daemon's environment or arguments": h.daemonsProc()} {
		for _, c := range canaries {
			if strings.Contains(text, c) {
				t.Errorf("%s has %s", where, c)
			}
		}
	}
	fmt.Printf("root password: %d canaries, nowhere in %d bytes of files, log, events and answers\n", len(canaries), len(files)+len(log)+len(told)+len(events))
}

// rootLogsInWith compares root's hash with what this machine's crypt(3), which
// PAM asks as well, makes of the password.
func (h *host) rootLogsInWith(password string) {
	h.t.Helper()
	m := regexp.MustCompile(`(?m)^root:([^:]*):`).FindStringSubmatch(h.run("cat /etc/shadow"))
	if m == nil {
		h.t.Fatal("there is no root in /etc/shadow")
	}
	cmd := exec.Command("perl", "-e", `chomp($p = <STDIN>); print crypt($p, $ARGV[0])`, m[1])
	cmd.Stdin = strings.NewReader(password + "\n")
	out, err := cmd.Output()
	if err != nil {
		h.t.Fatal(err)
	}
	if string(out) != m[1] {
		h.t.Error("root's password is not what was set")
	}
}

func (h *host) gateDone(id string) bool {
	h.t.Helper()
	r, err := h.api.GetPhaseWithResponse(h.t.Context(), 0)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, s := range r.JSON200.Steps {
		if s.ID == id {
			return s.Result.State == client.CheckStateDone
		}
	}
	h.t.Fatalf("phase 0 has no step %s", id)
	return false
}

// eventsUntil reads all events up to one, as they are sent.
func (h *host) eventsUntil(last func(client.Event) bool) string {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), 3*time.Minute)
	defer cancel()
	var b strings.Builder
	var from uint64
	for e, err := range h.api.Events(ctx, &from) {
		if err != nil {
			h.t.Fatalf("the event that was waited for did not come: %v; these came:\n%s", err, &b)
		}
		fmt.Fprintf(&b, "%+v\n", e)
		if last(e) {
			return b.String()
		}
	}
	h.t.Fatal("the stream of events has ended")
	return ""
}

// daemonsProc is what other programs can see of the daemon.
func (h *host) daemonsProc() string {
	h.t.Helper()
	pid, running := h.Daemon()
	if !running {
		h.t.Fatal("the daemon does not run")
	}
	var b strings.Builder
	for _, name := range []string{"cmdline", "environ"} {
		b.Write(read(h.t, fmt.Sprintf("/proc/%d/%s", pid, name)))
	}
	return b.String()
}
