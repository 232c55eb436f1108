package access

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// host is the test's own machine with a real sshd: see ownHost.
type host struct {
	*Driver
	t      testing.TB
	fail   func(op string) error
	ops    []string
	argv   []string // of every program that the driver has started
	log    bytes.Buffer
	signer ssh.Signer
	key    string // the line of the .pub file
	sshd   *exec.Cmd
}

const (
	address  = "127.0.0.1:2222"
	debianIs = "Include /etc/ssh/sshd_config.d/*.conf\nKbdInteractiveAuthentication yes\nUsePAM yes\nPermitRootLogin yes\n"
	cloudIs  = "PasswordAuthentication yes\n"
	cloudAt  = "/etc/ssh/sshd_config.d/50-cloud-init.conf"
	startKey = "# mine\nssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGcpMcZwJ5DJ4ZFcGyDrb1wBXB1fvmXQYl5m1Qhq5g0e other@example.org\n"
)

// newHost is a host as Proxmox VE is installed: passwords allowed, with a
// running sshd.
func newHost(t testing.TB) *host {
	needHost(t)
	if _, err := os.Stat(sshdProgram); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("this test needs openssh-server: scripts/need sshd")
		}
		t.Skip("this test needs openssh-server: scripts/need sshd")
	}
	h := &host{t: t}
	h.signer, h.key = newKey(t, "operator@example.org")
	for _, dir := range []string{"/etc/ssh/sshd_config.d", sshDir, stateDir, "/run/waddle", "/run/sshd", "/var/log"} {
		must(t, os.RemoveAll(dir))
	}
	for dir, mode := range map[string]os.FileMode{"/etc/ssh/sshd_config.d": 0o755, sshDir: 0o700, "/run/sshd": 0o755, "/var/log": 0o755} {
		must(t, os.MkdirAll(dir, mode))
		must(t, os.Chmod(dir, mode))
	}
	must(t, os.WriteFile(sshdConfig, []byte(debianIs), 0o644))
	must(t, os.WriteFile(cloudAt, []byte(cloudIs), 0o600))
	must(t, os.WriteFile(keysPath, []byte(startKey), 0o600))
	if out, err := exec.Command("ssh-keygen", "-A").CombinedOutput(); err != nil {
		t.Fatalf("cannot make host keys: %v: %s", err, out)
	}
	h.Driver = New(Options{
		Seam: h.seen, Run: h.recorded,
		Log: slog.New(slog.NewTextHandler(&h.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	h.syslog()
	h.serve()
	return h
}

func (h *host) seen(op string) error {
	h.ops = append(h.ops, op)
	if h.fail != nil {
		return h.fail(op)
	}
	return nil
}

func (h *host) recorded(ctx context.Context, name string, args ...string) (string, error) {
	h.argv = append(h.argv, name+" "+strings.Join(args, " "))
	return start(ctx, name, args...)
}

// serve starts sshd and waits until it answers.
func (h *host) serve() {
	h.sshd = exec.Command(sshdProgram, "-D", "-o", "Port=2222", "-o", "ListenAddress=127.0.0.1", "-o", "PidFile=none", "-o", "MaxStartups=100")
	must(h.t, h.sshd.Start())
	h.t.Cleanup(func() {
		_ = h.sshd.Process.Kill()
		_ = h.sshd.Wait()
	})
	for range 2400 {
		if c, err := net.Dial("tcp", address); err == nil {
			_ = c.Close()
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	h.t.Fatal("sshd did not start within a minute")
}

var syslogLine = regexp.MustCompile(`^<\d+>\w{3} [ \d]\d \d\d:\d\d:\d\d (.*)$`)

// syslog writes what sshd says to /var/log/auth.log as Debian's rsyslog does.
func (h *host) syslog() {
	_ = os.Remove("/dev/log")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: "/dev/log", Net: "unixgram"})
	must(h.t, err)
	var done sync.WaitGroup
	done.Go(func() {
		buf := make([]byte, 8192)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			if m := syslogLine.FindSubmatch(buf[:n]); m != nil {
				line := fmt.Sprintf("%s pve %s\n", time.Now().Format(time.RFC3339Nano), bytes.TrimSpace(m[1]))
				f, err := os.OpenFile("/var/log/auth.log", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
				if err != nil {
					return
				}
				_, _ = f.WriteString(line)
				_ = f.Close()
			}
		}
	})
	h.t.Cleanup(func() { _ = conn.Close(); done.Wait() })
}

// login tries to log in as root; the error is nil when it worked.
func login1(auth ...ssh.AuthMethod) (*ssh.Client, error) {
	return ssh.Dial("tcp", address, &ssh.ClientConfig{User: "root", Auth: auth, Timeout: time.Minute,
		HostKeyCallback: ssh.InsecureIgnoreHostKey()}) // loopback of the test's own namespace
}

func (h *host) byKey() error {
	c, err := login1(ssh.PublicKeys(h.signer))
	if err == nil {
		_ = c.Close()
	}
	return err
}

// byPassword tries both ways to give one, and says which ones were asked for.
func (h *host) byPassword(password string) (asked []string, err error) {
	c, err := login1(
		ssh.PasswordCallback(func() (string, error) { asked = append(asked, "password"); return password, nil }),
		ssh.KeyboardInteractive(func(_, _ string, questions []string, _ []bool) ([]string, error) {
			asked = append(asked, "keyboard-interactive")
			answers := make([]string, len(questions))
			for i := range answers {
				answers[i] = password
			}
			return answers, nil
		}))
	if err == nil {
		_ = c.Close()
	}
	return asked, err
}

func (h *host) read(path string) string {
	h.t.Helper()
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return "(absent)"
	}
	must(h.t, err)
	return string(b)
}

// tree is every file that the driver could have touched, with mode and owner.
func (h *host) tree() string {
	var b strings.Builder
	for _, dir := range []string{"/etc/ssh/sshd_config.d", sshdConfig, "/root/.ssh", shadowPath, stateDir, "/run/waddle", "/etc/pve"} {
		_ = filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
			if err != nil || path == "/run/waddle" || path == stateDir {
				return nil
			}
			info, err := os.Lstat(path)
			must(h.t, err)
			fmt.Fprintf(&b, "%s %s", info.Mode(), path)
			if info.Mode().IsRegular() {
				fmt.Fprintf(&b, "\n%s", h.read(path))
			}
			b.WriteString("\n")
			return nil
		})
	}
	return b.String()
}

func newKey(t testing.TB, comment string) (ssh.Signer, string) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	signer, err := ssh.NewSignerFromKey(private)
	must(t, err)
	return signer, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey()))) + " " + comment
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
