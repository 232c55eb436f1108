package sidebyside

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/waddle-social/waddle/internal/csigate"
	"github.com/waddle-social/waddle/internal/csigate/csigatetest"
	"github.com/waddle-social/waddle/pkg/iscsi"
)

const (
	root      = "rpool/k8s-csi"
	base      = "iqn.2026-01.social.waddle"
	stockBase = "iqn.2003-01.org.linux-iscsi.appliance"
	stockRoot = "rpool/stock" // the daemon does not look there
	portal    = "10.10.0.1:3260"
	keyFolder = "/var/lib/waddle/storage"
	instance  = "waddle-social" // the platform's name
)

// host is the guest.
type host struct {
	*testing.T
	lio    *iscsi.Client
	client *ssh.Client // to the endpoint
	waddle csigatetest.Driver
	stock  csigatetest.Driver
}

func newHost(t *testing.T) *host {
	t.Helper()
	b, err := iscsi.ParseBase(base)
	if err != nil {
		t.Fatal(err)
	}
	h := &host{T: t}
	if h.lio, err = iscsi.New(iscsi.Options{Base: b, Devices: "/dev/zvol/" + root}); err != nil {
		t.Fatal(err)
	}
	h.waddle = csigatetest.Driver{
		V: root + "/v", S: root + "/s", Base: base, Portal: portal, Instance: instance,
		Group: []string{"authentication=0", "generate_node_acls=1", "cache_dynamic_acls=1", "demo_mode_write_protect=0"},
		Block: []string{"emulate_tpu=1"},
	}
	h.stock = h.waddle
	h.stock.V, h.stock.Base = stockRoot, stockBase
	h.sh("zfs create -o mountpoint=none " + stockRoot)
	t.Cleanup(func() { h.sh("zfs destroy -r " + stockRoot) })
	return h
}

// sh runs a command as sshd would run democratic-csi's, and returns its stdout.
func (h *host) sh(line string) string {
	h.Helper()
	cmd := exec.Command("/bin/sh", "-c", line)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		h.Fatalf("%s: %v: %s%s", line, err, stdout.String(), stderr.String())
	}
	return strings.TrimSpace(stdout.String())
}

// until waits for a command to succeed.
func (h *host) until(line string) string {
	h.Helper()
	for {
		out, err := exec.Command("/bin/sh", "-c", line).Output()
		if err == nil {
			return strings.TrimSpace(string(out))
		}
		select {
		case <-h.Context().Done():
			h.Fatalf("%s: never succeeded", line)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// quiet waits until the daemon, which is woken by what changes, has nothing to do.
func (h *host) quiet() {
	h.Helper()
	used := func() int {
		n, err := strconv.Atoi(h.sh("sed -n 's/^usage_usec //p' /sys/fs/cgroup/system.slice/waddled.service/cpu.stat"))
		if err != nil {
			h.Fatal(err)
		}
		return n
	}
	for before, now := -1, used(); before < 0 || now-before > 50_000; before, now = now, used() {
		time.Sleep(time.Second)
	}
}

// connect opens the one connection to the endpoint that all commands share.
func (h *host) connect() {
	h.Helper()
	key, err := os.ReadFile(keyFolder + "/client_ed25519")
	if err != nil {
		h.Fatal(err)
	}
	signer, err := ssh.ParsePrivateKey(key)
	if err != nil {
		h.Fatal(err)
	}
	hostKey, _, _, _, err := ssh.ParseAuthorizedKey([]byte(h.sh("ssh-keygen -y -f " + keyFolder + "/host_ed25519")))
	if err != nil {
		h.Fatal(err)
	}
	h.until("bash -c 'exec 3<>/dev/tcp/10.10.0.1/2222'")
	h.client, err = ssh.Dial("tcp", "10.10.0.1:2222", &ssh.ClientConfig{User: csigate.User,
		Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, HostKeyCallback: ssh.FixedHostKey(hostKey)})
	if err != nil {
		h.Fatal(err)
	}
	h.waddle.Wire = csigatetest.Connection{Client: h.client}
}

func (h *host) disconnect() {
	if h.client != nil {
		_ = h.client.Close()
		h.client = nil
	}
}

// ask sends one command to the endpoint.
func (h *host) ask(command string) {
	h.Helper()
	r, err := h.waddle.Wire.Exec(command, true)
	if err != nil || r.Code != 0 {
		h.Fatalf("%s: %+v, %v", command, r, err)
	}
}

// volumes makes the volumes pvc-<from> to pvc-<to - 1> as democratic-csi leaves
// them, two at a time, without their targets.
func (h *host) volumes(from, to int) {
	h.Helper()
	var wg sync.WaitGroup
	errs := make([]error, 2)
	for worker := range errs {
		wg.Go(func() {
			for i := from + worker; i < to && errs[worker] == nil; i += len(errs) {
				errs[worker] = h.volume(fmt.Sprintf("pvc-%d", i))
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			h.Fatal(err)
		}
	}
	h.sh("udevadm settle --timeout=3600")
}

func (h *host) volume(id string) error {
	d := h.waddle
	args := []string{"create", "-s", "-b", "16K", "-V", "64M"}
	for _, p := range [][2]string{
		{"csi_volume_name", id}, {"managed_resource", "true"}, {"volume_context_provisioner_driver", "zfs-generic-iscsi"},
		{"volume_context_provisioner_instance_id", d.Instance}, {"iscsi_assets_name", id},
		{"csi_share_volume_context", d.Context(id)}, {"provision_success", "true"},
	} {
		args = append(args, "-o", "democratic-csi:"+p[0]+"="+p[1])
	}
	out, err := exec.Command("zfs", append(args, d.V+"/"+id)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("zfs create %s: %w: %s", id, err, out)
	}
	return nil
}

// clear takes all targets of ours away.
func (h *host) clear() {
	h.Helper()
	l, err := h.lio.List(context.Background())
	if err != nil {
		h.Fatal(err)
	}
	for _, g := range l.Targets {
		if err := h.lio.Delete(context.Background(), g.IQN, false); err != nil {
			h.Fatal(err)
		}
	}
}

// targets fails unless there are n targets of ours, all enabled with one LUN.
func (h *host) targets(n int) {
	h.Helper()
	if got := h.sh("cat /sys/kernel/config/target/iscsi/" + base + ":*/tpgt_1/enable | grep -c 1; true"); got != fmt.Sprint(n) {
		h.Fatalf("%s targets are enabled, want %d", got, n)
	}
	if got := h.sh("ls -d /sys/kernel/config/target/iscsi/" + base + ":*/tpgt_1/lun/lun_0/* | grep -vcE 'alua|statistics'; true"); got != fmt.Sprint(n) {
		h.Fatalf("%s targets have a LUN, want %d", got, n)
	}
}
