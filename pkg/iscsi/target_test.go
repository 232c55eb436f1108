package iscsi

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const baseName = "iqn.2026-01.social.waddle:csi"

func testClient(t testing.TB) *Client {
	t.Helper()
	b, err := ParseBase(baseName)
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(Options{Base: b, Devices: "/dev/zvol/rpool/k8s-csi"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestGoodNames(t *testing.T) {
	for _, s := range []string{baseName, "iqn.2004-10.com.example", "iqn.1999-12.org.a-b.c:x:y.z-1", "iqn.2001-04.com.example:" + strings.Repeat("a", MaxIQN-24)} {
		if i, err := ParseIQN(s); err != nil || i.String() != s {
			t.Errorf("%s: %v", s, err)
		}
	}
}

func TestBadNamesAreRefused(t *testing.T) {
	for name, s := range map[string]string{
		"empty": "",
		"a naming authority of one label, which targetcli refuses": "iqn.2026-01.x:csi",
		"an underscore, which targetcli refuses":                   "iqn.2026-01.social.waddle:a_b",
		"upper case":                                               "iqn.2026-01.social.waddle:A",
		"month 13":                                                 "iqn.2026-13.social.waddle:a",
		"month 0":                                                  "iqn.2026-00.social.waddle:a",
		"no date":                                                  "iqn.social.waddle:a",
		"another form":                                             "eui.02004567A425678D",
		"a slash":                                                  "iqn.2026-01.social.waddle:a/b",
		"climbs":                                                   "iqn.2026-01.social.waddle:../../core",
		"a space":                                                  "iqn.2026-01.social.waddle:a b",
		"a newline at the end":                                     "iqn.2026-01.social.waddle:a\n",
		"a NUL":                                                    "iqn.2026-01.social.waddle:a\x00",
		"unicode":                                                  "iqn.2026-01.social.waddle:ä",
		"nothing behind the colon":                                 "iqn.2026-01.social.waddle:",
		"a label that starts with a -":                             "iqn.2026-01.-social.waddle:a",
		"224 bytes":                                                "iqn.2001-04.com.example:" + strings.Repeat("a", MaxIQN-23),
		"ten thousand characters":                                  "iqn.2001-04.com.example:" + strings.Repeat("a", 10000),
	} {
		if i, err := ParseIQN(s); err == nil {
			t.Errorf("%s: %q became %v", name, s, i)
		}
	}
}

func TestOnlyNamesBelowTheBaseAreOurs(t *testing.T) {
	b := testClient(t).Base()
	for s, want := range map[string]bool{
		baseName + ":pvc-1": true, baseName: false, baseName + "2:pvc-1": false, "iqn.2026-01.social.waddle:other:pvc-1": false, "iqn.2003-01.org.linux-iscsi.host:x": false,
	} {
		i, err := ParseIQN(s)
		if err != nil || b.Owns(i) != want {
			t.Errorf("%s: %v, %v", s, b.Owns(i), err)
		}
	}
	if (Base{}).Owns(IQN{}) || b.Owns(IQN{}) {
		t.Error("a zero value is owned")
	}
}

func FuzzIQN(f *testing.F) {
	for _, s := range []string{baseName + ":pvc-1", "iqn.2026-01.x:y", "../..", "iqn.2026-01.social.waddle:a\n", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, parse := range []func(string) (IQN, error){ParseIQN, testClient(t).Base().Target} {
			i, err := parse(s)
			if err != nil {
				continue
			}
			if n := i.String(); len(n) > MaxIQN || strings.ContainsAny(n, "/\x00\n _") || !strings.HasPrefix(n, "iqn.") || filepath.Base(n) != n {
				t.Fatalf("%q became %q", s, n)
			}
		}
	})
}

func TestPortals(t *testing.T) {
	for _, s := range []string{"10.10.0.1:3260", "[fd00::1]:3260"} {
		if p, err := ParsePortal(s); err != nil || p.String() != s {
			t.Errorf("%s: %q, %v", s, p, err)
		}
	}
	if p, err := ParsePortal("[::ffff:10.10.0.1]:3260"); err != nil || p.String() != "10.10.0.1:3260" {
		t.Errorf("%q, %v", p, err)
	}
	for name, s := range map[string]string{
		"all of IPv4": "0.0.0.0:3260", "all of IPv6": "[::]:3260", "all of IPv4 in IPv6": "[::ffff:0.0.0.0]:3260", "no port": "10.10.0.1", "port 0": "10.10.0.1:0",
		"no address": ":3260", "a name": "localhost:3260", "multicast": "224.0.0.1:3260", "a zone": "[fe80::1%vmbr1]:3260", "a path": "10.10.0.1:3260/..", "empty": "",
	} {
		if p, err := ParsePortal(s); err == nil {
			t.Errorf("%s: %q became %v", name, s, p)
		}
	}
}

func good(t testing.TB, c *Client) Target {
	t.Helper()
	i, err := c.Base().Target("pvc-1")
	if err != nil {
		t.Fatal(err)
	}
	p, err := ParsePortal("10.10.0.1:3260")
	if err != nil {
		t.Fatal(err)
	}
	return Target{IQN: i, Portals: []Portal{p}, Attributes: map[string]string{"generate_node_acls": "1"},
		LUNs: []LUN{{Backstore: Backstore{Device: "/dev/zvol/rpool/k8s-csi/v/pvc-1"}}}}
}

func TestTheDefaultsOfATarget(t *testing.T) {
	c := testClient(t)
	g := good(t, c)
	got, err := c.complete(g)
	if err != nil {
		t.Fatal(err)
	}
	if got.LUNs[0].Backstore.Name != "pvc-1" || got.Attributes["authentication"] != "0" {
		t.Fatalf("%+v", got)
	}
	if g.LUNs[0].Backstore.Name != "" || len(g.Attributes) != 1 {
		t.Fatal("the caller's target was changed")
	}
}

func TestTargetsThatCannotBeAreRefused(t *testing.T) {
	c := testClient(t)
	host, _ := ParseIQN("iqn.2004-10.com.example:host")
	pw := NewSecret("a-good-secret")
	for name, change := range map[string]func(*Target){
		"without a name":              func(t *Target) { t.IQN = IQN{} },
		"of somebody else":            func(t *Target) { t.IQN = host },
		"without a portal":            func(t *Target) { t.Portals = nil },
		"with an empty portal":        func(t *Target) { t.Portals = []Portal{{}} },
		"that nobody could log in to": func(t *Target) { t.Attributes = nil },
		"with two LUNs of one number": func(t *Target) {
			t.LUNs = append(t.LUNs, LUN{Backstore: Backstore{Name: "x", Device: "/dev/zvol/rpool/k8s-csi/x"}})
		},
		"with LUN 256": func(t *Target) { t.LUNs[0].Number = 256 },
		"with LUN -1":  func(t *Target) { t.LUNs[0].Number = -1 },
		"with a backstore twice": func(t *Target) {
			t.LUNs = append(t.LUNs, LUN{Number: 1, Backstore: Backstore{Name: "pvc-1", Device: "/dev/zvol/rpool/k8s-csi/x"}})
		},
		"on the host's disk":                         func(t *Target) { t.LUNs[0].Backstore.Device = "/dev/nvme0n1" },
		"on a VM's disk":                             func(t *Target) { t.LUNs[0].Backstore.Device = "/dev/zvol/rpool/data/vm-100-disk-0" },
		"that climbs to the host's disk":             func(t *Target) { t.LUNs[0].Backstore.Device = "/dev/zvol/rpool/k8s-csi/../../../nvme0n1" },
		"on the device folder itself":                func(t *Target) { t.LUNs[0].Backstore.Device = "/dev/zvol/rpool/k8s-csi" },
		"with an option in the device":               func(t *Target) { t.LUNs[0].Backstore.Device = "/dev/zvol/rpool/k8s-csi/a,readonly=1" },
		"with a newline in the device":               func(t *Target) { t.LUNs[0].Backstore.Device = "/dev/zvol/rpool/k8s-csi/a\nreadonly=1" },
		"with a backstore name that climbs":          func(t *Target) { t.LUNs[0].Backstore.Name = "../alua" },
		"with the name of a kernel folder":           func(t *Target) { t.LUNs[0].Backstore.Name = "alua" },
		"with an attribute that climbs":              func(t *Target) { t.Attributes["../enable"] = "1" },
		"with an attribute that is text":             func(t *Target) { t.Attributes["login_timeout"] = "1\n2" },
		"with an attribute that is octal":            func(t *Target) { t.Attributes["login_timeout"] = "015" },
		"with what the kernel ignores":               func(t *Target) { t.Attributes["cache_dynamic_acls"] = "0" },
		"with a serial of two lines":                 func(t *Target) { t.LUNs[0].Backstore.Serial = "a\nb" },
		"with a user and no password":                func(t *Target) { t.CHAP.User = "u" },
		"with a password and no user":                func(t *Target) { t.CHAP.Password = pw },
		"with mutual CHAP alone":                     func(t *Target) { t.CHAP = CHAP{MutualUser: "m", MutualPassword: pw} },
		"with one secret both ways":                  func(t *Target) { t.CHAP = CHAP{User: "u", Password: pw, MutualUser: "m", MutualPassword: pw} },
		"with a user that the kernel takes for none": func(t *Target) { t.CHAP = CHAP{User: "NULLuser", Password: pw} },
		"with a newline in a secret":                 func(t *Target) { t.CHAP = CHAP{User: "u", Password: NewSecret("a\nb")} },
		"with a secret of 256 bytes":                 func(t *Target) { t.CHAP = CHAP{User: "u", Password: NewSecret(strings.Repeat("a", 256))} },
		"with secrets that nobody asks for":          func(t *Target) { t.CHAP = CHAP{User: "u", Password: pw}; t.Attributes["authentication"] = "0" },
		"that asks for secrets that nobody has":      func(t *Target) { t.Attributes["authentication"] = "1" },
		"with an ACL twice":                          func(t *Target) { t.ACLs = []ACL{{Initiator: host}, {Initiator: host}} },
		"with an empty ACL":                          func(t *Target) { t.ACLs = []ACL{{}} },
	} {
		g := good(t, c)
		change(&g)
		if got, err := c.complete(g); err == nil {
			t.Errorf("a target %s was taken: %+v", name, got)
		} else if strings.Contains(err.Error(), "a-good-secret") {
			t.Errorf("a target %s: the secret is in %v", name, err)
		}
	}
}

// No target, whatever is in it, makes the client touch a path outside its own
// folders.
func TestNoTargetLeadsOutsideItsFolders(t *testing.T) {
	c := testClient(t)
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"..", "../..", "a/b", "", "alua", "pvc-1", "/dev/zvol/rpool/k8s-csi/a", "/dev/zvol/rpool/k8s-csi/../sda", "/etc/passwd", "a,b"}))
	rapid.Check(t, func(rt *rapid.T) {
		g := good(t, c)
		if i, err := c.Base().Target(text.Draw(rt, "asset")); err == nil {
			g.IQN = i
		}
		g.LUNs[0].Backstore = Backstore{Name: text.Draw(rt, "name"), Device: text.Draw(rt, "device"), Attributes: map[string]string{text.Draw(rt, "key"): text.Draw(rt, "value")}}
		got, err := c.complete(g)
		if err != nil {
			return
		}
		b := got.LUNs[0].Backstore
		for p, stay := range map[string]string{
			c.targetDir(got.IQN):   "/sys/kernel/config/target/iscsi/" + baseName + ":",
			c.backstoreDir(b.Name): "/sys/kernel/config/target/core/iblock_",
			b.Device:               "/dev/zvol/rpool/k8s-csi/",
		} {
			if !strings.HasPrefix(p, stay) || filepath.Clean(p) != p {
				rt.Fatalf("%q leads to %s", b, p)
			}
		}
	})
}

func TestSecretsNeverShow(t *testing.T) {
	const text = "very-secret-text"
	chap := CHAP{User: "u", Password: NewSecret(text), MutualUser: "m", MutualPassword: NewSecret(text + "2")}
	acl := ACL{CHAP: chap}
	marshalled, err := json.Marshal(Target{CHAP: chap, ACLs: []ACL{acl}})
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", chap.Password, "chap", chap)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", chap.Password, "chap", chap)
	for how, got := range map[string]string{
		"%v": fmt.Sprintf("%v", chap), "%+v": fmt.Sprintf("%+v", acl), "%#v": fmt.Sprintf("%#v", acl), "%s": fmt.Sprint(chap.Password),
		"%q": fmt.Sprintf("%q", chap.Password), "%x": fmt.Sprintf("%x", chap.Password), "json": string(marshalled), "slog": log.String(),
	} {
		if strings.Contains(got, text) || strings.Contains(got, fmt.Sprintf("%x", text)) {
			t.Errorf("%s shows it: %s", how, got)
		}
	}
	if chap.Password.Reveal() != text {
		t.Error("not even to the kernel")
	}
}

func TestTheKernelsSessionInfo(t *testing.T) {
	const info = `InitiatorName: iqn.2004-10.com.talos:cp1
InitiatorAlias: talos-cp1
LIO Session ID: 3   ISID: 0x00 02 3d 00 00 00  TSIH: 2  SessionType: Normal
Session State: TARG_SESS_STATE_LOGGED_IN
---------------------[iSCSI Session Values]-----------------------
  CmdSN/WR  :  CmdSN/WC  :  ExpCmdSN  :  MaxCmdSN  :     ITT    :     TTT
 0x00000010   0x00000010   0x00000001   0x00000010   0x00000000   0x00000001
----------------------[iSCSI Connections]-------------------------
CID: 0  Connection State: TARG_CONN_STATE_LOGGED_IN
   Address 10.10.0.10 TCP  StatSN: 0x00000001
CID: 1  Connection State: TARG_CONN_STATE_CLEANUP_WAIT
   Address fd00::10 TCP  StatSN: 0x00000001
`
	s, active := parseInfo(info)
	want := "{Initiator:iqn.2004-10.com.talos:cp1 Alias:talos-cp1 State:LOGGED_IN Dynamic:false Connections:[{State:LOGGED_IN Address:10.10.0.10} {State:CLEANUP_WAIT Address:fd00::10}]}"
	if got := fmt.Sprintf("%+v", s); !active || got != want {
		t.Fatalf("got %s", got)
	}
	if _, active := parseInfo("No active iSCSI Session for Initiator Endpoint: iqn.2004-10.com.talos:cp1\n"); active {
		t.Fatal("nobody is logged in")
	}
}

func TestErrorsNameTheObjectAndWhatToDo(t *testing.T) {
	text, kind := advice(opEnableBackstore, &os.PathError{Op: "write", Path: "p", Err: syscall.EBUSY})
	err := error(&Error{Op: opEnableBackstore, Object: "backstore pvc-1", Path: "p/enable", Kind: kind, Err: syscall.EBUSY, Advice: text})
	if want := "cannot enable backstore pvc-1: configfs p/enable: device or resource busy: the device is open exclusively elsewhere: another backstore, a mount, LVM or a VM's disk"; err.Error() != want {
		t.Errorf("got %v", err)
	}
	if !errors.Is(err, ErrClaimed) || !errors.Is(err, syscall.EBUSY) {
		t.Error("the kind or the errno is lost")
	}
	if got := phrase(opMakePortal, "target iqn.x"); got != "make portal of target iqn.x" {
		t.Error(got)
	}
	if text, kind := advice("anything", &os.PathError{Err: syscall.ENOENT}); kind != ErrNotReady || text == "" {
		t.Error(kind, text)
	}
}

func TestTheRealFileSystemNeverCreatesAFile(t *testing.T) {
	dir := t.TempDir()
	var fs OS
	if err := fs.WriteFile(filepath.Join(dir, "x"), "1"); !errors.Is(err, syscall.ENOENT) {
		t.Fatalf("got %v", err)
	}
	if err := fs.Mkdir(filepath.Join(dir, "d")); err != nil {
		t.Fatal(err)
	}
	if err := fs.Symlink(filepath.Join(dir, "d"), filepath.Join(dir, "l")); err != nil {
		t.Fatal(err)
	}
	if err := fs.Rmdir(filepath.Join(dir, "l")); !errors.Is(err, syscall.ENOTDIR) {
		t.Fatalf("rmdir of a link: %v", err)
	}
	if err := fs.Remove(filepath.Join(dir, "d")); !errors.Is(err, syscall.EISDIR) {
		t.Fatalf("unlink of a folder: %v", err)
	}
	entries, err := fs.ReadDir(dir)
	if err != nil || fmt.Sprint(entries) != "[{d true false} {l false true}]" {
		t.Fatalf("%v, %v", entries, err)
	}
	if to, err := fs.Readlink(filepath.Join(dir, "l")); err != nil || to != filepath.Join(dir, "d") {
		t.Fatalf("%s, %v", to, err)
	}
	if err := fs.Remove(filepath.Join(dir, "l")); err != nil {
		t.Fatal(err)
	}
	if err := fs.Rmdir(filepath.Join(dir, "d")); err != nil {
		t.Fatal(err)
	}
}

func TestTheDeviceFolderIsOurOwn(t *testing.T) {
	for _, d := range []string{"", "/", "/dev", "/dev/zvol", "zvol", "/dev/zvol/rpool/", "/dev/zvol/../sda"} {
		if _, err := New(Options{Base: testClient(t).Base(), Devices: d}); err == nil {
			t.Errorf("%q was taken", d)
		}
	}
	if _, err := New(Options{Devices: "/dev/zvol/rpool/k8s-csi"}); err == nil {
		t.Error("a client without a base name was made")
	}
}

func TestABackstoresPlaceAndSerialDependOnItsNameAlone(t *testing.T) {
	c := testClient(t)
	if got := c.backstoreDir("pvc-0a1b"); got != "/sys/kernel/config/target/core/iblock_1297857063/pvc-0a1b" {
		t.Error(got) // a change would lose every backstore that is there
	}
	if got := (Backstore{Name: "pvc-0a1b"}).serial(); got != "a7d158a9-7ca3-a0dc-05bf-48ed304d7fb2" {
		t.Error(got) // a change would give every disk another identity
	}
}
