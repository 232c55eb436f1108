package access

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

const testPassword = "correct horse battery staple"

// ready is a host whose root has a password, the platform's key, and a login
// with it in the log.
func ready(t testing.TB) *host {
	h := newHost(t)
	h.cost = "$y$j7.$" // the least that there is, for many logins; the usual one logs in in another test
	must(t, h.SetRootPassword(t.Context(), Secret{[]byte(testPassword)}))
	must(t, h.ApplyKeys(t.Context(), []string{h.key}))
	must(t, h.byKey())
	h.awaitLogin()
	return h
}

// awaitLogin waits until the login is in the log: sshd writes it on its own time.
func (h *host) awaitLogin() {
	h.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if _, seen, err := h.KeyLogin(h.t.Context(), []string{h.key}); err == nil && seen {
			return
		}
	}
	h.t.Fatalf("no login in the log within a minute:\n%s", h.read("/var/log/auth.log"))
}

func (h *host) passwordIsTaken() {
	h.t.Helper()
	if _, err := h.byPassword(testPassword); err != nil {
		h.t.Fatalf("the password should log in: %v\n%s", err, h.read("/var/log/auth.log"))
	}
}

func (h *host) passwordIsRefused() {
	h.t.Helper()
	asked, err := h.byPassword(testPassword)
	if err == nil || len(asked) > 0 {
		h.t.Fatalf("sshd asked for a password by %v, and the login ended with: %v", asked, err)
	}
}

func TestPasswordsGoOffOnlyOnceAKeyHasLoggedInAndComeBackByUndo(t *testing.T) {
	h := newHost(t)
	ctx := t.Context()
	platform := []string{h.key}
	must(t, h.SetRootPassword(ctx, Secret{[]byte(testPassword)}))
	first := h.tree()
	beforeKeys, err := h.CaptureKeys(ctx)
	must(t, err)
	beforeSSH, err := h.CaptureSSH(ctx)
	must(t, err)
	h.passwordIsTaken()
	if h.byKey() == nil {
		t.Fatal("the key logs in before it is installed")
	}

	var lockout *LockoutError
	if err := h.ApplySSH(ctx, Proof{Keys: platform, SessionOpen: time.Now().Add(time.Second)}); !errors.As(err, &lockout) || !strings.Contains(err.Error(), "no key of the platform is installed") {
		t.Fatalf("without a key installed: %v", err)
	}
	must(t, h.ApplyKeys(ctx, platform))
	if err := h.ApplySSH(ctx, Proof{Keys: platform}); !errors.As(err, &lockout) || !strings.Contains(err.Error(), "no login with a key of the platform was seen") {
		t.Fatalf("without a login: %v", err)
	}
	h.passwordIsTaken()

	session, err := login1(ssh.PublicKeys(h.signer))
	must(t, err)
	defer session.Close()
	// As of ssh -R: the session's own sshd listens too, and must not be taken
	// for the one that accepts connections.
	if _, err := session.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	h.awaitLogin()
	must(t, h.ApplySSH(ctx, Proof{Keys: platform}))
	h.passwordIsRefused()
	must(t, h.byKey())
	if _, _, err := session.SendRequest("keepalive@openssh.com", true, nil); err != nil {
		t.Errorf("the session from before the reload is gone: %v", err)
	}
	f, err := h.LookSSH(ctx)
	must(t, err)
	if len(f.Differences) > 0 {
		t.Errorf("after the apply: %v", f.Differences)
	}
	if want := "/etc/ssh/sshd_config.d/50-cloud-init.conf line 1: PasswordAuthentication yes has no effect"; !strings.Contains(strings.Join(f.Notes, "\n"), want) {
		t.Errorf("notes %q do not say %q", f.Notes, want)
	}

	must(t, h.UndoSSH(ctx, beforeSSH))
	must(t, h.UndoKeys(ctx, beforeKeys))
	if got := h.tree(); got != first {
		t.Errorf("after the undo:\n%s\nwant:\n%s", got, first)
	}
	h.passwordIsTaken()
	if h.byKey() == nil {
		t.Error("the key still logs in after the undo")
	}
}

func TestTheOperatorsWordStandsForALogin(t *testing.T) {
	h := newHost(t)
	must(t, h.SetRootPassword(t.Context(), Secret{[]byte(testPassword)}))
	must(t, h.ApplyKeys(t.Context(), []string{h.key}))
	must(t, h.ApplySSH(t.Context(), Proof{Keys: []string{h.key}, SessionOpen: time.Now().Add(time.Second)}))
	h.passwordIsRefused()
	must(t, h.byKey())
}

func TestTheOperatorsWordFromBeforeTheKeysWereWrittenDoesNotCount(t *testing.T) {
	h := newHost(t)
	must(t, h.SetRootPassword(t.Context(), Secret{[]byte(testPassword)}))
	said := time.Now()
	must(t, h.ApplyKeys(t.Context(), []string{h.key}))
	must(t, os.Chtimes(keysPath, time.Time{}, said.Add(time.Second)))
	var lockout *LockoutError
	if err := h.ApplySSH(t.Context(), Proof{Keys: []string{h.key}, SessionOpen: said}); !errors.As(err, &lockout) || !strings.Contains(err.Error(), "the keys were written since") {
		t.Errorf("%v", err)
	}
	h.passwordIsTaken()
}

func TestALoginFromBeforeTheKeyWasWrittenDoesNotCount(t *testing.T) {
	h := ready(t)
	must(t, os.Chtimes(keysPath, time.Time{}, time.Now().Add(time.Second)))
	if l, seen, err := h.KeyLogin(t.Context(), []string{h.key}); seen || err != nil {
		t.Errorf("a login of %v counts, error %v", l.At, err)
	}
	_, other := newKey(t, "other")
	must(t, h.ApplyKeys(t.Context(), []string{h.key, other}))
	must(t, os.Chtimes(keysPath, time.Time{}, time.Now().Add(-time.Hour)))
	if _, seen, err := h.KeyLogin(t.Context(), []string{other}); seen || err != nil {
		t.Errorf("a login with another key counts, error %v", err)
	}
}

func TestAConfigurationThatSshdRefusesIsNeverReloaded(t *testing.T) {
	const bad = "/etc/ssh/sshd_config.d/90-bad.conf"
	breakIt := func() { must(t, os.WriteFile(bad, []byte("# a comment\nNonsense yes\n"), 0o644)) }
	for name, when := range map[string]string{
		"the error is there before":                          "",
		"the error comes between the trial and the real one": "access:file:" + sshdDropIn,
	} {
		t.Run(name, func(t *testing.T) {
			h := ready(t)
			first := h.tree()
			run := h.started(h.sshd.Process.Pid)
			if when == "" {
				breakIt()
			}
			h.fail = func(op string) error {
				if op == when && h.read(bad) == "(absent)" {
					breakIt()
				}
				return nil
			}
			err := h.ApplySSH(t.Context(), Proof{Keys: []string{h.key}})
			if err == nil || !strings.Contains(err.Error(), bad) || !strings.Contains(err.Error(), "Nonsense") {
				t.Fatalf("the error does not name the file and the word: %v", err)
			}
			must(t, os.Remove(bad))
			if got := h.tree(); got != first {
				t.Errorf("something was left behind:\n%s\nwant:\n%s", got, first)
			}
			if h.started(h.sshd.Process.Pid) != run {
				t.Error("sshd was reloaded")
			}
			h.passwordIsTaken()
			must(t, h.byKey())
			h.fail = nil
			must(t, h.ApplySSH(t.Context(), Proof{Keys: []string{h.key}}))
			h.passwordIsRefused()
		})
	}
}

func TestAMatchBlockThatLetsEverybodyInByPasswordIsAConflict(t *testing.T) {
	h := ready(t)
	must(t, os.WriteFile(sshdConfig, []byte(debianIs+"Match all\nPasswordAuthentication yes\n"), 0o644))
	err := h.ApplySSH(t.Context(), Proof{Keys: []string{h.key}})
	var conflict *ConflictError
	if !errors.As(err, &conflict) || !strings.Contains(err.Error(), "Match block") {
		t.Fatalf("not a conflict: %v", err)
	}
	f, err := h.LookSSH(t.Context())
	must(t, err)
	if want := sshdConfig + " line 6: PasswordAuthentication yes applies to those whom Match all matches"; !strings.Contains(strings.Join(f.Notes, "\n"), want) {
		t.Errorf("notes %q do not say %q", f.Notes, want)
	}
}

// The root key must work at every instant, and a second run must end in the
// same state, whichever operation fails or is the last one before a crash.
func TestAFaultAtAnyOperationLocksNobodyOutAndASecondRunEndsTheSame(t *testing.T) {
	h := ready(t)
	ctx := context.Background()
	proof := Proof{Keys: []string{h.key}}
	before, err := h.CaptureSSH(ctx)
	must(t, err)
	first := h.tree()
	h.ops = nil
	must(t, h.ApplySSH(ctx, proof))
	applied, done := len(h.ops), h.tree()
	h.ops = nil
	must(t, h.UndoSSH(ctx, before))
	undone := len(h.ops)
	t.Logf("%d operations of an apply, %d of an undo, each once failing and once the last: %v", applied, undone, h.ops)
	boom := errors.New("boom")
	for _, killed := range []bool{false, true} {
		for n := range applied {
			h.faultAt(n, killed, boom)
			if err := h.ApplySSH(ctx, proof); !errors.Is(err, boom) {
				t.Fatalf("operation %d fails, but the apply ended with %v", n, err)
			}
			h.fail = nil
			must(t, h.byKey())
			must(t, h.ApplySSH(ctx, proof))
			h.same(done)
			h.passwordIsRefused()
			must(t, h.UndoSSH(ctx, before))
			h.same(first)
		}
		for n := range undone {
			must(t, h.ApplySSH(ctx, proof))
			h.faultAt(n, killed, boom)
			if err := h.UndoSSH(ctx, before); !errors.Is(err, boom) {
				t.Fatalf("operation %d fails, but the undo ended with %v", n, err)
			}
			h.fail = nil
			must(t, h.byKey())
			must(t, h.UndoSSH(ctx, before))
			h.same(first)
			h.passwordIsTaken()
		}
	}
}

// faultAt makes the n-th operation from now on fail; killed also all after it.
func (h *host) faultAt(n int, killed bool, boom error) {
	seen := -1
	h.fail = func(string) error {
		if seen++; seen == n || killed && seen > n {
			return boom
		}
		return nil
	}
}

func (h *host) same(want string) {
	h.t.Helper()
	if got := h.tree(); got != want {
		h.t.Fatalf("is:\n%s\nwant:\n%s", got, want)
	}
}

func TestAnSshdOfAContainerIsNotTheHosts(t *testing.T) {
	h := newHost(t)
	if pid, err := h.listener(); err != nil || pid != h.sshd.Process.Pid {
		t.Fatalf("the host's sshd is %d, found %d, error %v", h.sshd.Process.Pid, pid, err)
	}
	must(t, h.sshd.Process.Kill())
	container := exec.Command("unshare", "-n", "sh", "-c", "ip link set lo up && exec "+sshdProgram+" -D -o Port=2222 -o ListenAddress=127.0.0.1 -o PidFile=none")
	must(t, container.Start())
	defer func() {
		_ = container.Process.Kill()
		_ = container.Wait()
	}()
	for range 2400 {
		if name, _ := h.process(container.Process.Pid); name == "sshd" && h.listens(container.Process.Pid) {
			break
		}
		time.Sleep(25 * time.Millisecond)
	}
	if !h.listens(container.Process.Pid) {
		t.Fatal("the container's sshd did not start within a minute")
	}
	if pid, err := h.listener(); err != nil || pid != 0 {
		t.Errorf("process %d was found, error %v", pid, err)
	}
}
