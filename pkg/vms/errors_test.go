package vms

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waddle-social/waddle/internal/lab/pve"
	"github.com/waddle-social/waddle/internal/server/listen/listentest"
	"github.com/waddle-social/waddle/pkg/vms/rest"
)

// refused wants an Error of the kind that says what was tried, holds the words, and
// says what to do.
func refused(t *testing.T, name string, err error, kind Kind, words ...string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Errorf("%s: %v is no Error of the driver", name, err)
		return
	}
	if e.Kind != kind || e.Hint == "" || !strings.HasPrefix(err.Error(), "cannot ") {
		t.Errorf("%s: kind %s (want %s), hint %q: %v", name, e.Kind, kind, e.Hint, err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%s: the error does not say %q: %v", name, w, err)
		}
	}
}

func TestWhatIsWrongWithTheNodeOrTheDeclarationIsOneClearErrorAndLeavesNothing(t *testing.T) {
	rows := []struct {
		name  string
		setup func(*node)
		spec  func(*Spec)
		kind  Kind
		words []string
	}{
		{"the number is a stranger's", stranger(110, "router", "BC:24:11:77:00:01"), nil, KindTaken, []string{"number 110", "VM 110 (router) on pve", "adopt"}},
		{"the name is a stranger's", stranger(150, "cp-110", "BC:24:11:77:00:01"), nil, KindTaken, []string{"name cp-110", "VM 150 (cp-110) on pve"}},
		{"the MAC is a stranger's", stranger(150, "router", "BC:24:11:00:00:0A"), nil, KindTaken, []string{"MAC BC:24:11:00:00:0A of net0", "net0 of VM 150 (router) on pve"}},
		{"the storage does not take disks", nil, func(s *Spec) { s.Disks[0].Storage = "local" }, KindContent, []string{"storage local", "images"}},
		{"the storage does not take images to import", func(n *node) { n.admin("PUT", "/storage/local", `{"content":"iso,snippets"}`) }, nil, KindContent, []string{"storage local", "import"}},
		{"there is no such storage", nil, func(s *Spec) { s.Disks[0].Storage = "nowhere" }, KindStorage, []string{"nowhere"}},
		{"the storage is disabled", func(n *node) { n.admin("PUT", "/storage/local-zfs", `{"disable":1}`) }, nil, KindStorage, []string{"local-zfs"}},
		{"the disk is larger than the pool", nil, func(s *Spec) { s.Disks[0].Size = 5000 }, KindFull, []string{"local-zfs", "5000 GiB"}},
		{"the pool is full", func(n *node) { n.inject(pve.Fault{Kind: pve.FaultFull, Storage: "local-zfs"}) }, nil, KindFull, []string{"local-zfs"}},
		{"there is no such image", nil, func(s *Spec) { s.Disks[0].Image = "local:import/none.qcow2" }, KindImage, []string{"none.qcow2"}},
		{"the image is no image", func(n *node) { n.file("import", "bad.qcow2", []byte("<html>404</html>")) }, func(s *Spec) { s.Disks[0].Image = "local:import/bad.qcow2" }, KindImage, []string{"bad.qcow2", "qcow2 format"}},
		{"the image is cut off", func(n *node) { n.file("import", "cut.qcow2", pve.QCOW2(1 << 30)[:20]) }, func(s *Spec) { s.Disks[0].Image = "local:import/cut.qcow2" }, KindImage, []string{"cut.qcow2"}},
		{"the disk is smaller than its image", func(n *node) { n.image("large.qcow2", 20) }, func(s *Spec) { s.Disks[0].Image = "local:import/large.qcow2" }, KindInvalid, []string{"large.qcow2", "20480 MiB"}},
		{"somebody holds the storage's lock", func(n *node) { n.inject(pve.Fault{Kind: pve.FaultLock, Storage: "local-zfs"}) }, nil, KindBusy, []string{"got timeout"}},
		{"a machine that there is not", nil, func(s *Spec) { s.Machine = "q36" }, KindInvalid, []string{"machine"}},
		{"a CPU type that there is not", nil, func(s *Spec) { s.CPU = "hosty" }, KindInvalid, []string{"cpu", "hosty"}},
		{"a controller and a BIOS that there are not", nil, func(s *Spec) { s.SCSI, s.BIOS = "virtio", "uefi" }, KindInvalid, []string{"controller", "BIOS"}},
		{"an import that fails", func(n *node) {
			n.inject(pve.Fault{Kind: pve.FaultTask, Task: "qmcreate", Step: "import", Text: "qemu-img: error while writing: Input/output error", Times: 1})
		}, nil, KindTask, []string{"Input/output error", "log ends", "transferred"}},
		{"records that cannot be written", func(n *node) { n.records.fail = errors.New("disk full") }, nil, KindRecords, []string{"cp-110", "disk full"}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			n := start(t, pve.Options{})
			before := n.left()
			if row.setup != nil {
				row.setup(n)
			}
			if row.kind == KindTaken { // the stranger's VM stays
				before = n.left()
			}
			s := spec(110)
			if row.spec != nil {
				row.spec(&s)
			}
			_, err := n.Ensure(t.Context(), s, Consent{})
			refused(t, row.name, err, row.kind, row.words...)
			n.try("PUT", "/storage/local-zfs", `{"disable":0}`)
			if after := n.left(); after != before {
				t.Errorf("left behind:\n%s", after)
			}
			if len(n.records.all) > 0 {
				t.Errorf("left in the records: %v", n.records.all)
			}
		})
	}
	fmt.Printf("vms refusals: %d, one clear error each, nothing left\n", len(rows))
}

// stranger makes a VM that is not ours.
func stranger(id int, name, mac string) func(*node) {
	return func(n *node) {
		n.admin("POST", "/nodes/pve/qemu", fmt.Sprintf(`{"vmid":%d,"name":%q,"scsi0":"local-zfs:1","net0":"virtio=%s,bridge=vmbr1"}`, id, name, mac))
	}
}

func TestABridgeThatTheHostDoesNotHave(t *testing.T) {
	n := start(t, pve.Options{})
	s := spec(110)
	s.NICs[0].Bridge = "vmbr7"
	d := n.driver(func(o *Options) { o.HasBridge = func(name string) (bool, error) { return name != "vmbr7", nil } })
	_, err := d.Ensure(t.Context(), s, Consent{})
	refused(t, "seen beforehand", err, KindBridge, "net0", "vmbr7")
	n.nothingLeft()
	_, err = n.Ensure(t.Context(), s, Consent{})
	refused(t, "seen at the start", err, KindBridge, "bridge 'vmbr7' does not exist")
	s.NICs[0].Bridge = "vmbr1" // and the second run finishes
	n.ensure(s)
	if f, err := n.Look(t.Context(), s); err != nil || !f.Running || len(f.Differences) > 0 {
		t.Errorf("%+v, %v", f, err)
	}
}

func TestAVMThatOthersHoldOrChangeIsLeftToThem(t *testing.T) {
	n := start(t, pve.Options{})
	s := spec(110)
	n.ensure(s)
	ctx := t.Context()
	changed := s
	changed.Cores = 1
	n.inject(pve.Fault{Kind: pve.FaultLock, VMID: 110, Lock: "backup"})
	_, err := n.Ensure(ctx, changed, Consent{})
	refused(t, "changing while a backup runs", err, KindLocked, "VM is locked (backup)")
	refused(t, "stopping while a backup runs", n.Stop(ctx, s.Name), KindLocked)
	refused(t, "deleting while a backup runs", n.Delete(ctx, s.Name, 0), KindLocked)
	refused(t, "a snapshot while a backup runs", n.TakeSnapshot(ctx, s.Name, "now", "", false), KindLocked)
	if err := n.Clear(""); err != nil {
		t.Fatal(err)
	}
	byHand := n.driver(func(o *Options) {
		o.Seam = func(op string) error {
			if op == "vms:config" {
				n.admin("PUT", "/nodes/pve/qemu/110/config", `{"description":"changed by hand"}`)
			}
			return nil
		}
	})
	_, err = byHand.Ensure(ctx, changed, Consent{})
	refused(t, "changed by hand while we work", err, KindChanged, "checksum mismatch")
	if n.conf(110)["cores"] != "3" {
		t.Error("it was changed although somebody else had changed it")
	}
	n.admin("PUT", "/nodes/pve/qemu/110/config", `{"protection":1}`)
	refused(t, "a protected VM", n.Delete(ctx, s.Name, 0), KindProtected)
	n.admin("PUT", "/nodes/pve/qemu/110/config", `{"delete":"protection"}`)
	other := spec(111)
	n.ensure(other)
	twin := s
	twin.NICs = other.NICs
	_, err = n.Ensure(ctx, twin, Consent{})
	refused(t, "the MAC of another VM of ours", err, KindTaken, "net0 of VM 111 (cp-111)")
}

func TestAConnectionThatIsNotTrustedOrNotThereIsOneClearError(t *testing.T) {
	n := start(t, pve.Options{})
	other := start(t, pve.Options{})
	ca := func(path string) func(*rest.Options) { return func(o *rest.Options) { o.CAFile = path } }
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	expired := n.tokenThatExpired()
	for _, row := range []struct {
		name   string
		change func(*rest.Options)
		kind   Kind
		words  []string
	}{
		{"a CA that did not sign it", ca(other.CAFile()), KindUntrusted, []string{"certificate", "not trusted"}},
		{"no CA file", ca("/nowhere/ca.pem"), KindUntrusted, []string{"/nowhere/ca.pem"}},
		{"a CA file without a certificate", ca(empty), KindUntrusted, []string{"empty.pem"}},
		{"a certificate for another name", func(o *rest.Options) { o.ServerName = "pve2" }, KindUntrusted, []string{"pve2"}},
		{"nobody listens", func(o *rest.Options) { o.URL = "https://" + nobody(t) + "/api2/json" }, KindUnreachable, []string{"refused"}},
		{"a wrong secret", token(func() (string, error) { return "waddle@pve!daemon=00000000-wrong-secret", nil }), KindToken, []string{"invalid token value"}},
		{"an unknown token", token(func() (string, error) { return "waddle@pve!none=" + secretOf(n.token), nil }), KindToken, []string{"no such token"}},
		{"an expired token", token(func() (string, error) { return expired, nil }), KindToken, []string{"expired"}},
		{"no token file", token(rest.TokenFile("/nowhere/proxmox-token")), KindToken, []string{"/nowhere/proxmox-token", "waddled setup proxmox"}},
	} {
		d := n.over(row.change)
		_, err := d.Ensure(t.Context(), spec(110), Consent{})
		refused(t, row.name, err, row.kind, row.words...)
		if err != nil && (strings.Contains(err.Error(), secretOf(n.token)) || strings.Contains(err.Error(), "wrong-secret")) {
			t.Errorf("%s: the secret is in the error", row.name)
		}
	}
	if left := n.left(); left != "" {
		t.Errorf("left behind: %s", left)
	}
}

func token(f func() (string, error)) func(*rest.Options) {
	return func(o *rest.Options) { o.Token = f }
}

func secretOf(token string) string {
	_, secret, _ := strings.Cut(token, "=")
	return secret
}

// nobody is an address where nothing listens.
func nobody(t *testing.T) string { return listentest.Port(t, "127.0.0.1").String() }

func (n *node) tokenThatExpired() string {
	n.t.Helper()
	raw := n.admin("POST", "/access/users/waddle@pve/token/old", fmt.Sprintf(`{"privsep":0,"expire":%d}`, time.Now().Add(-time.Hour).Unix()))
	_, rest, _ := strings.Cut(string(raw), `"value":"`)
	secret, _, _ := strings.Cut(rest, `"`)
	return "waddle@pve!old=" + secret
}

func TestATokenThatIsRotatedIsUsedAtOnceAndIsInNoLog(t *testing.T) {
	n := start(t, pve.Options{})
	var log bytes.Buffer
	d := n.over(func(o *rest.Options) {
		o.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	if _, err := d.List(t.Context()); err != nil {
		t.Fatal(err)
	}
	old := n.token
	n.admin("DELETE", "/access/users/waddle@pve/token/daemon", "")
	n.token = n.newToken()
	if n.token == old {
		t.Fatal("the token was not rotated")
	}
	if _, err := d.Ensure(t.Context(), spec(110), Consent{}); err != nil {
		t.Error(err)
	}
	for _, secret := range []string{secretOf(old), secretOf(n.token)} {
		if strings.Contains(log.String(), secret) {
			t.Error("a secret is in the log")
		}
	}
	if !strings.Contains(log.String(), "path=/api2/json/nodes/pve/qemu") {
		t.Errorf("the log does not say what was asked: %s", log.String())
	}
}

func TestWhoStopsWaitingIsToldThatTheTaskGoesOn(t *testing.T) {
	slow := pve.Scaled(fast)
	slow.CopyPerGiB = time.Hour
	n := start(t, pve.Options{Timing: slow})
	ctx, cancel := context.WithCancel(t.Context())
	d := n.driver(nil).WithProgress(func(Event) { cancel() })
	_, err := d.Ensure(ctx, spec(110), Consent{})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "UPID:pve:") || !strings.Contains(err.Error(), "goes on") {
		t.Errorf("%v", err)
	}
}
