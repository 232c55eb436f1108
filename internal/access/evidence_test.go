package access

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

func TestLoginsAreReadFromTheFormsThatDebianHasOnDisk(t *testing.T) {
	const print = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	const said = "Accepted publickey for root from 192.0.2.7 port 50022 ssh2: ED25519 " + print
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		line string
		at   string // "" means that it is no login
	}{
		"the form since Debian 12":            {"2026-01-02T11:00:00.250000+01:00 pve sshd[71]: " + said, "2026-01-02T10:00:00.25Z"},
		"a session of OpenSSH 9.8 and later":  {"2026-01-02T11:00:00Z pve sshd-session[71]: " + said, "2026-01-02T11:00:00Z"},
		"the older form":                      {"Jan  2 11:00:00 pve sshd[71]: " + said, "2026-01-02T11:00:00Z"},
		"the older form from last year":       {"Dec 31 23:59:59 pve sshd[71]: " + said, "2025-12-31T23:59:59Z"},
		"another user":                        {"Jan  2 11:00:00 pve sshd[71]: " + strings.Replace(said, "root", "rooted", 1), ""},
		"a password":                          {"Jan  2 11:00:00 pve sshd[71]: " + strings.Replace(said, "publickey", "password", 1), ""},
		"a key that is only one of two steps": {"Jan  2 11:00:00 pve sshd[71]: " + strings.Replace(said, "Accepted", "Partial", 1), ""},
		"a key that was only offered":         {"Jan  2 11:00:00 pve sshd[71]: Postponed" + strings.TrimPrefix(said, "Accepted"), ""},
		"a user name that quotes a login":     {"Jan  2 11:00:00 pve sshd[71]: Invalid user " + said + " from 192.0.2.9", ""},
		"another program":                     {"Jan  2 11:00:00 pve sudo[71]: " + said, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := authLog(c.line+"\n", now)
			if c.at == "" {
				if len(got) > 0 {
					t.Errorf("read as a login: %v", got)
				}
				return
			}
			at, err := time.Parse(time.RFC3339Nano, c.at)
			must(t, err)
			if len(got) != 1 || !got[0].At.Equal(at) || got[0].Key != print || got[0].From != "192.0.2.7" {
				t.Errorf("read as %v, want a login at %v", got, at)
			}
		})
	}
}

func TestTheJournalIsAskedWhereSystemdRuns(t *testing.T) {
	needRootFiles(t)
	signer, ours := newKey(t, "ours")
	b := newBox(t, map[string]string{keysPath: ours + "\n", systemdRuns + "/x": ""})
	at := time.Now().Add(time.Minute)
	entry := fmt.Sprintf(`{"MESSAGE":"Accepted publickey for root from 2001:db8::7 port 5 ssh2: ED25519 %s","__REALTIME_TIMESTAMP":"%d"}`, ssh.FingerprintSHA256(signer.PublicKey()), at.UnixMicro())
	var asked string
	answer := entry + "\n" + `{"MESSAGE":[1,2,3],"__REALTIME_TIMESTAMP":"1"}` + "\n"
	b.start = func(_ context.Context, name string, args ...string) (string, error) {
		asked = name + " " + strings.Join(args, " ")
		return answer, nil
	}
	l, seen, err := b.KeyLogin(t.Context(), []string{ours})
	if err != nil || !seen || l.From != "2001:db8::7" || !l.At.Equal(at.Truncate(time.Microsecond)) {
		t.Errorf("the login is %v, seen %v, error %v", l, seen, err)
	}
	for _, part := range []string{"-o json", "--since=@", "_UID=0 _COMM=sshd + _UID=0 _COMM=sshd-session"} {
		if !strings.Contains(asked, part) {
			t.Errorf("%q was started, without %q", asked, part)
		}
	}
	answer = "no JSON\n"
	if _, _, err := b.KeyLogin(t.Context(), []string{ours}); err == nil {
		t.Error("an answer that is no JSON is taken")
	}
}

func TestALoginFromOneAddressIsFoundWithAnyKeyOrCertificate(t *testing.T) {
	const print = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	line := func(at, from, kind string) string {
		return at + " pve sshd[71]: Accepted publickey for root from " + from + " port 5 ssh2: " + kind + " " + print + " ID ada (serial 0) CA ED25519 " + print + "\n"
	}
	b := newBox(t, map[string]string{
		"/var/log/auth.log.1": line("2026-11-24T05:00:00Z", "10.10.0.2", "RSA-CERT"),
		"/var/log/auth.log":   line("2026-11-24T06:00:00Z", "::ffff:10.10.0.2", "RSA-CERT") + line("2026-11-24T07:00:00Z", "10.10.0.3", "ED25519"),
	})
	from := netip.MustParseAddr("10.10.0.2")
	for since, want := range map[string]string{
		"2026-11-24T04:00:00Z": "2026-11-24T06:00:00Z",
		"2026-11-24T06:00:00Z": "2026-11-24T06:00:00Z",
		"2026-11-24T06:00:01Z": "",
	} {
		at, err := time.Parse(time.RFC3339, since)
		must(t, err)
		l, seen, err := b.LoginFrom(t.Context(), from, at)
		must(t, err)
		if seen != (want != "") || seen && (l.At.UTC().Format(time.RFC3339) != want || l.Key != print) {
			t.Errorf("since %s: %+v, seen %v, want %q", since, l, seen, want)
		}
	}
}

func TestWithoutAWayInByKeyPasswordsStayOn(t *testing.T) {
	needRootFiles(t)
	_, ours := newKey(t, "ours")
	good := "pubkeyauthentication yes\npermitrootlogin without-password\nauthorizedkeysfile .ssh/authorized_keys .ssh/authorized_keys2\npasswordauthentication no\nkbdinteractiveauthentication no\npermitemptypasswords no\n"
	for name, c := range map[string]struct {
		keys   string
		sshd   string
		reason string
	}{
		"no key is installed":                {startKey, good, "no key of the platform is installed"},
		"the key is there with a command":    {`command="/bin/true" ` + ours, good, "no key of the platform is installed"},
		"sshd takes no keys":                 {ours, strings.Replace(good, "pubkeyauthentication yes", "pubkeyauthentication no", 1), "PubkeyAuthentication is no"},
		"sshd lets root in on no account":    {ours, strings.Replace(good, "without-password", "no", 1), "PermitRootLogin is no"},
		"sshd reads the keys somewhere else": {ours, strings.Replace(good, ".ssh/authorized_keys .ssh/authorized_keys2", "/etc/keys/%u", 1), "AuthorizedKeysFile is /etc/keys/%u"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t, map[string]string{keysPath: c.keys + "\n", sshdProgram: "", sshdConfig: includeAll})
			b.start = func(_ context.Context, _ string, args ...string) (string, error) {
				if args[0] == "-T" {
					return c.sshd, nil
				}
				return "", nil
			}
			var lockout *LockoutError
			if err := b.ApplySSH(t.Context(), Proof{Keys: []string{ours}, SessionOpen: time.Now().Add(time.Second)}); !errors.As(err, &lockout) || !strings.Contains(err.Error(), c.reason) {
				t.Errorf("not refused for %q: %v", c.reason, err)
			}
			if b.exists(sshdDropIn) || b.exists(reloadPending) {
				t.Error("something was written")
			}
		})
	}
}

func TestSystemdReloadsTheServiceAndAFailureBringsTheFormerFileBack(t *testing.T) {
	needRootFiles(t)
	_, ours := newKey(t, "ours")
	const good = "pubkeyauthentication yes\npermitrootlogin without-password\nauthorizedkeysfile .ssh/authorized_keys\npasswordauthentication no\nkbdinteractiveauthentication no\npermitemptypasswords no\n"
	const former = "# of an earlier day\n"
	b := newBox(t, map[string]string{keysPath: ours + "\n", sshdProgram: "", sshdConfig: includeAll, sshdDropIn: former, systemdRuns + "/x": ""})
	var fails error
	var started []string
	b.start = func(_ context.Context, name string, args ...string) (string, error) {
		started = append(started, name+" "+strings.Join(args, " "))
		if name == "systemctl" {
			return "", fails
		}
		return good, nil
	}
	proof := Proof{Keys: []string{ours}, SessionOpen: time.Now().Add(time.Second)}
	fails = errors.New("Job for ssh.service failed")
	if err := b.ApplySSH(t.Context(), proof); err == nil || !strings.Contains(err.Error(), "is as it was before") {
		t.Errorf("the error is %v", err)
	}
	if is, err := b.look(sshdDropIn); err != nil || string(is.Content) != former {
		t.Errorf("the file is %q, error %v", is.Content, err)
	}
	f, err := b.LookSSH(t.Context())
	must(t, err)
	if !strings.Contains(fmt.Sprint(f.Differences), "service ssh") {
		t.Errorf("nothing says that sshd may run with other values than its files: %v", f.Differences)
	}
	fails = nil
	must(t, b.ApplySSH(t.Context(), proof))
	if last := started[len(started)-1]; last != "systemctl try-reload-or-restart ssh.service" {
		t.Errorf("the last program was %q", last)
	}
	if f, err := b.LookSSH(t.Context()); err != nil || len(f.Differences) > 0 {
		t.Errorf("after the apply: %v, error %v", f.Differences, err)
	}
}
