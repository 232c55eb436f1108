package phase

import (
	"context"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/waddle-social/waddle/internal/access"
	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/state"
)

// sshdSays is what a sshd answers that has read our file.
const sshdSays = "pubkeyauthentication yes\npermitrootlogin without-password\nauthorizedkeysfile .ssh/authorized_keys\npasswordauthentication no\nkbdinteractiveauthentication no\npermitemptypasswords no\n"

// accessHost is an engine with the real driver on files of the test's own.
type accessHost struct {
	*engine.Engine
	t    *testing.T
	root string
}

func newAccessHost(t *testing.T) *accessHost {
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("the files of this test have to belong to root")
		}
		t.Skip("the files of this test have to belong to root")
	}
	h := &accessHost{t: t, root: t.TempDir()}
	for path, content := range map[string]string{
		"/usr/sbin/sshd":       "",
		"/etc/ssh/sshd_config": "Include /etc/ssh/sshd_config.d/*.conf\n",
		"/etc/shadow":          "root:*:19000:0:99999:7:::\n",
	} {
		h.write(path, content)
	}
	for _, dir := range []string{"/root", "/etc/ssh/sshd_config.d"} {
		h.must(os.MkdirAll(filepath.Join(h.root, dir), 0o700))
	}
	driver := access.New(access.Options{Root: h.root, Proc: t.TempDir(), Run: func(_ context.Context, _ string, args ...string) (string, error) {
		return sshdSays, nil
	}})
	public, _, err := ed25519.GenerateKey(nil)
	h.must(err)
	key, err := ssh.NewPublicKey(public)
	h.must(err)
	p := platform.Defaults()
	p.Spec.Host.SSH.AuthorizedKeys = []platform.SSHKey{platform.SSHKey(strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))))}
	db, err := state.Open(filepath.Join(t.TempDir(), "state.db"), state.Options{})
	h.must(err)
	t.Cleanup(func() { _ = db.Close() })
	h.Engine, err = engine.New(engine.Options{State: db, Source: func(context.Context) (*engine.Graph, error) {
		return engine.NewGraph("r1", waysIn(p, driver, h.Engine))
	}})
	h.must(err)
	t.Cleanup(func() { _ = h.Close(context.Background()) })
	return h
}

func (h *accessHost) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *accessHost) write(path, content string) {
	h.must(os.MkdirAll(filepath.Dir(filepath.Join(h.root, path)), 0o755))
	h.must(os.WriteFile(filepath.Join(h.root, path), []byte(content), 0o600))
}

func (h *accessHost) there(path string) bool {
	_, err := os.Stat(filepath.Join(h.root, path))
	return err == nil
}

// run runs every step and returns the operation with its steps' states.
func (h *accessHost) run(kind engine.OperationKind) (engine.OperationState, map[string]engine.StepState) {
	h.t.Helper()
	op, err := h.Start(h.t.Context(), engine.Request{Kind: kind})
	h.must(err)
	op, err = h.Wait(h.t.Context(), op.ID)
	h.must(err)
	states := map[string]engine.StepState{}
	for _, s := range op.Steps {
		states[s.ID] = s.State
		if s.Error != nil {
			h.t.Errorf("step %s: %s", s.ID, s.Error.Detail)
		}
	}
	return op.State, states
}

func (h *accessHost) expect(states, want map[string]engine.StepState) {
	h.t.Helper()
	for id, s := range want {
		if states[id] != s {
			h.t.Errorf("step %s is %s, want %s", id, states[id], s)
		}
	}
}

func TestThePasswordsWaitForTheLoginAndAllIsUndone(t *testing.T) {
	const dropIn, keys = "/etc/ssh/sshd_config.d/00-waddle.conf", "/root/.ssh/authorized_keys"
	h := newAccessHost(t)
	ended, states := h.run(engine.KindApply)
	h.expect(states, map[string]engine.StepState{
		"host.root-password": engine.StepGate, "host.ssh-key": engine.StepChanged,
		keyLogin: engine.StepGate, "host.ssh-passwords": engine.StepSkipped,
	})
	if ended != engine.OpWaiting || !h.there(keys) || h.there(dropIn) {
		t.Errorf("ended %s, key %v, passwords off %v", ended, h.there(keys), h.there(dropIn))
	}
	by := engine.Caller{Name: "uid 0 (root)"}
	h.must(h.Acknowledge(t.Context(), keyLogin, by, "two sessions open"))
	h.must(h.Acknowledge(t.Context(), "host.root-password", by, ""))
	ended, states = h.run(engine.KindApply)
	h.expect(states, map[string]engine.StepState{"host.ssh-key": engine.StepUnchanged, "host.ssh-passwords": engine.StepChanged})
	if ended != engine.OpDone || !h.there(dropIn) {
		t.Errorf("ended %s, passwords off %v", ended, h.there(dropIn))
	}
	ended, states = h.run(engine.KindUndo)
	h.expect(states, map[string]engine.StepState{"host.ssh-key": engine.StepChanged, "host.ssh-passwords": engine.StepChanged})
	if ended != engine.OpDone || h.there(dropIn) || h.there(keys) || h.there("/root/.ssh") {
		t.Errorf("ended %s, passwords off %v, key %v", ended, h.there(dropIn), h.there(keys))
	}
}
