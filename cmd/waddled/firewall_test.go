package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// console is a host of which only the network namespace and the program are
// real: no daemon, no API, no network.
type console struct {
	t                  *testing.T
	pid                int // holds the namespace
	waddled            string
	dir, run, document string
}

func newConsole(t *testing.T) *console {
	t.Helper()
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("this test makes a network namespace and needs root")
		}
		t.Skip("this test makes a network namespace and needs root")
	}
	scratch := t.TempDir()
	c := &console{t: t, waddled: filepath.Join(scratch, "waddled"), dir: filepath.Join(scratch, "etc"), run: filepath.Join(scratch, "run"), document: filepath.Join(scratch, "platform.yaml")}
	build := exec.Command("go", "build", "-o", c.waddled, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	holder := exec.Command("unshare", "-n", "sh", "-c", "echo; exec sleep 600")
	ready, err := holder.StdoutPipe()
	if err == nil {
		err = holder.Start()
	}
	if err == nil {
		_, err = ready.Read(make([]byte, 1))
	}
	if err != nil {
		t.Fatalf("cannot make a network namespace: %v", err)
	}
	t.Cleanup(func() {
		_ = holder.Process.Kill()
		_ = holder.Wait()
	})
	c.pid = holder.Process.Pid
	return c
}

func (c *console) try(command ...string) (string, error) {
	cmd := exec.Command("nsenter", append([]string{"-t", fmt.Sprint(c.pid), "-n"}, command...)...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (c *console) do(command ...string) string {
	c.t.Helper()
	out, err := c.try(command...)
	if err != nil {
		c.t.Fatalf("%v: %v\n%s", command, err, out)
	}
	return out
}

func (c *console) firewall(args ...string) []string {
	return append(append([]string{c.waddled}, args...), "--dir", c.dir, "--run-dir", c.run)
}

func (c *console) emergency(args ...string) []string {
	return append(c.firewall(append([]string{"emergency"}, args...)...), "--platform", c.document)
}

func (c *console) write(path, content string) {
	c.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

func (c *console) has(rule string) bool {
	return strings.Contains(c.do("iptables-save")+c.do("ip6tables-save"), rule+"\n")
}

func (c *console) await(what string, is func() bool) {
	c.t.Helper()
	for range 1200 {
		if is() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	c.t.Errorf("not within a minute: %s; guard: %s", what, c.do("cat", filepath.Join(c.run, "guard.log")))
}

const (
	uiForOne  = "-A WADDLE-INPUT -s 198.51.100.7/32 -p tcp -m tcp --dport 8006 -j ACCEPT"
	sshForNet = "-A WADDLE-INPUT -s 2001:db8::/64 -p tcp -m tcp --dport 22 -j ACCEPT"
	closed    = "-A WADDLE-INPUT -j DROP"
)

// seenEmergency begins a short emergency and reports whether its rules were there.
// One that was over before anybody could look begins again and lasts longer.
func (c *console) seenEmergency(args ...string) (out string, loaded bool) {
	c.t.Helper()
	for lasts := 4 * time.Second; ; lasts *= 2 {
		began := time.Now()
		out = c.do(c.emergency(append(args, "--for", lasts.String())...)...)
		loaded = c.has(uiForOne) && c.has(sshForNet) && c.has(closed)
		if loaded || time.Since(began) < lasts || lasts > time.Minute {
			return out, loaded
		}
	}
}

func TestTheConsole(t *testing.T) {
	c := newConsole(t)
	t.Run("an emergency on a host where waddled never ran ends by itself, and leaves nothing", func(t *testing.T) {
		c := *c
		c.t = t
		out, loaded := c.seenEmergency("--from", "198.51.100.7", "--from", "2001:db8::5/64")
		for _, want := range []string{"open now: TCP 22, 8006 to 198.51.100.7/32, 2001:db8::/64", "the built-in lockdown", "It ends by itself at "} {
			if !strings.Contains(out, want) {
				t.Errorf("%q is missing in\n%s", want, out)
			}
		}
		if !loaded {
			t.Error("the rules are not loaded")
		}
		c.await("the emergency's end", func() bool { return !c.has(closed) && !c.has(uiForOne) })
	})
	t.Run("boot with a damaged state comes up closed and says so, and an emergency works", func(t *testing.T) {
		c := *c
		c.t = t
		c.write(filepath.Join(c.dir, "state.json"), "not a state")
		out, err := c.try(c.firewall("firewall", "load")...)
		if err == nil || !strings.Contains(out, "THE BUILT-IN LOCKDOWN IS LOADED") || !strings.Contains(out, "state.json") {
			t.Errorf("%v\n%s", err, out)
		}
		if strings.Contains(out, "what is loaded stays") || strings.Contains(out, "the rules that are loaded stay") || !strings.Contains(out, "waddled emergency --from") {
			t.Errorf("it says that other rules are loaded, or not how to get in:\n%s", out)
		}
		if !c.has(closed) {
			t.Error("the host is open")
		}
		if out, err := c.try(c.firewall("firewall", "show")...); err == nil || !strings.Contains(out, "cannot trust") {
			t.Errorf("show: %v\n%s", err, out)
		}
		c.do(c.emergency("--from", "198.51.100.7", "--for", "1h", "--ui")...)
		if !c.has(uiForOne) || c.has(sshForNet) {
			t.Error("not the UI alone is open")
		}
		if out := c.do(c.emergency("--end")...); !strings.Contains(out, "has ended") || strings.Contains(out, "the last confirmed rules are loaded") || !strings.Contains(out, "the built-in lockdown is loaded") {
			t.Errorf("with a damaged state it says that the confirmed rules are loaded:\n%s", out)
		}
		if c.has(uiForOne) || !c.has(closed) {
			t.Error("the end did not close the host")
		}
	})
	t.Run("boot without iptables closes the host, and the next load with it takes that back", func(t *testing.T) {
		c := *c
		c.t = t
		sealed := func() bool { return strings.Contains(c.do("nft", "list", "ruleset"), "table inet waddle-closed") }
		out, err := c.try(append([]string{"env", "PATH=/nowhere"}, c.firewall("firewall", "load")...)...)
		if err == nil || !strings.Contains(out, "cannot find ") || !strings.Contains(out, "THE HOST IS CLOSED WITHOUT THEM") || !sealed() {
			t.Errorf("closed: %t, %v\n%s", sealed(), err, out)
		}
		if out, err := c.try(c.firewall("firewall", "load")...); err == nil || !c.has(closed) || sealed() {
			t.Errorf("the state is damaged still, so the built-in lockdown: %v, closed %t\n%s", err, sealed(), out)
		}
	})
	t.Run("the platform's own lockdown and SSH port are taken where they can be read", func(t *testing.T) {
		c := *c
		c.t = t
		example, err := os.ReadFile("../../examples/waddle-social.yaml")
		if err != nil {
			t.Fatal(err)
		}
		c.write(c.document, string(example))
		out := c.do(c.emergency("--from", "198.51.100.7", "--for", "1h")...)
		if !strings.Contains(out, "the platform's lockdown") {
			t.Errorf("it took another one:\n%s", out)
		}
		if show := c.do(append([]string{"sh", "-c", `"$@" 2>/dev/null || true`, "sh"}, c.firewall("firewall", "show")...)...); !strings.Contains(show, "emergency: emergency-") {
			t.Error(show)
		}
		if out := c.do(c.emergency("--from", "198.51.100.7", "--for", "1h", "--ssh-port", "2222")...); !strings.Contains(out, "everything else as in the platform's lockdown") || !strings.Contains(out, "TCP 2222, 8006") {
			t.Errorf("on a host whose SSH has another port than the document says, Teleport and the volumes are cut off:\n%s", out)
		}
		c.do(c.emergency("--end")...)
	})
	t.Run("nothing is due", func(t *testing.T) {
		c := *c
		c.t = t
		if err := os.RemoveAll(c.dir); err != nil {
			t.Fatal(err)
		}
		c.do(c.firewall("firewall", "expire")...)
		c.do(c.firewall("firewall", "load")...)
		if out := c.do(c.firewall("firewall", "show", "--json")...); !strings.Contains(out, `"version": 1`) {
			t.Error(out)
		}
	})
	t.Run("what is no emergency is refused with what is allowed", func(t *testing.T) {
		c := *c
		c.t = t
		for name, x := range map[string]struct {
			args []string
			says string
		}{
			"no source":     {[]string{"--for", "30m"}, "at least one of the flags in the group [end from] is required"},
			"no time":       {[]string{"--from", "198.51.100.7"}, "say how long with --for"},
			"a name":        {[]string{"--from", "home", "--for", "1m"}, `--from "home" is neither an address nor a network`},
			"everybody":     {[]string{"--from", "0.0.0.0/0", "--for", "1m"}, "it is for nearly everybody: allowed are IPv4 networks of /8 to /32"},
			"a week":        {[]string{"--from", "198.51.100.7", "--for", "168h"}, "allowed are 1s to 24h"},
			"the wrong end": {[]string{"--end"}, "none is in force"},
		} {
			out, err := c.try(c.emergency(x.args...)...)
			if err == nil || !strings.Contains(out, x.says) {
				t.Errorf("%s: %v\n%s", name, err, out)
			}
		}
	})
}
