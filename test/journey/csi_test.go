package journey

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/internal/csigate"
	"github.com/waddle-social/waddle/internal/csigate/csigatetest"
	"github.com/waddle-social/waddle/internal/lab"
	"github.com/waddle-social/waddle/internal/lab/standin"
	"github.com/waddle-social/waddle/internal/storage"
	"github.com/waddle-social/waddle/pkg/iscsi"
)

const (
	endpoint = "10.10.0.1:2222"
	iqnBase  = "iqn.2026-01.social.waddle"
)

// csi is democratic-csi in a pod of a node: it has the endpoint's key and sends
// each command over a connection of its own, as the values that waddle prints
// tell it to.
type csi struct {
	h    *host
	node *lab.Node
	key  ssh.Signer
}

func (h *host) csi(node *lab.Node) csigatetest.Driver {
	h.t.Helper()
	text, err := h.Host.ReadFile("/var/lib/waddle/storage/client_ed25519")
	if err != nil {
		h.t.Fatal(err)
	}
	key, err := ssh.ParsePrivateKey(text)
	if err != nil {
		h.t.Fatal(err)
	}
	return csigatetest.Driver{
		Wire: csi{h, node, key}, V: "rpool/k8s-csi/v", S: "rpool/k8s-csi/s", Base: iqnBase, Portal: "10.10.0.1:3260", Instance: "waddle-social",
		Group: []string{"authentication=0", "cache_dynamic_acls=1", "demo_mode_write_protect=0", "generate_node_acls=1"},
		Block: []string{"emulate_tpu=1"},
	}
}

// Exec implements csigatetest.Wire. A connection that is lost is an error: the
// RPC is asked for again.
func (c csi) Exec(command string, pty bool) (csigatetest.Result, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := c.node.DialContext(ctx, "tcp4", endpoint)
	if err != nil {
		return csigatetest.Result{}, err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(3 * time.Minute)); err != nil {
		return csigatetest.Result{}, err
	}
	// The driver cannot check a host key.
	over, channels, requests, err := ssh.NewClientConn(conn, endpoint, &ssh.ClientConfig{
		User: csigate.User, Auth: []ssh.AuthMethod{ssh.PublicKeys(c.key)}, HostKeyCallback: ssh.InsecureIgnoreHostKey(),
	})
	if err != nil {
		return csigatetest.Result{}, err
	}
	s, err := ssh.NewClient(over, channels, requests).NewSession()
	if err != nil {
		return csigatetest.Result{}, err
	}
	if pty {
		if err := s.RequestPty("vt100", 24, 80, ssh.TerminalModes{}); err != nil {
			return csigatetest.Result{}, err
		}
	}
	var stdout, stderr bytes.Buffer
	s.Stdout, s.Stderr = &stdout, &stderr
	err = s.Run(command)
	r := csigatetest.Result{Stdout: stdout.String(), Stderr: stderr.String()}
	if exit, is := errors.AsType[*ssh.ExitError](err); is {
		r.Code, err = exit.ExitStatus(), nil
	}
	return r, err
}

// byHand lets a test delete a target behind the daemon's back, as somebody with
// targetcli would: the stand-in of the kernel is in the daemon's process. On
// SIGUSR1 the target that the file names goes.
func byHand(m storage.Machine, asked <-chan os.Signal) {
	for range asked {
		if err := deleteTarget(m); err != nil {
			fmt.Fprintln(os.Stderr, "by hand:", err)
		}
	}
}

const byHandFile = "/run/.lab/by-hand"

func deleteTarget(m storage.Machine) error {
	name, err := os.ReadFile(byHandFile)
	if err != nil {
		return err
	}
	base, err := iscsi.ParseBase(iqnBase)
	if err != nil {
		return err
	}
	c, err := iscsi.New(iscsi.Options{Base: base, FS: m.FS, Host: m.Kernel, Devices: filepath.Join(m.Dev, "zvol/rpool/k8s-csi")})
	if err != nil {
		return err
	}
	i, err := iscsi.ParseIQN(string(name))
	if err != nil {
		return err
	}
	if err := c.Delete(context.Background(), i, false); err != nil {
		return err
	}
	return os.Remove(byHandFile)
}

// volumesSeen are those that the API shows, by name, and what is wrong.
func (h *host) volumesSeen() (map[string]client.VolumeSummary, []client.Orphan) {
	h.t.Helper()
	list, err := h.api.ListVolumesWithResponse(h.t.Context(), nil)
	if err != nil {
		h.t.Fatal(err)
	}
	orphans, err := h.api.ListOrphansWithResponse(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	all := map[string]client.VolumeSummary{}
	for _, v := range list.JSON200.Volumes {
		all[string(v.Name)] = v
	}
	return all, orphans.JSON200.Orphans
}

func TestVolumesAreMadeFromANodeAloneAndSurviveADaemonThatIsKilledMeanwhile(t *testing.T) {
	const size = 64 << 20
	h := newHost(t, lab.Options{Name: "csi"})
	h.start()
	document := strings.Replace(string(read(t, example)), "spec:\n", "spec:\n  waddled:\n    reconcileInterval: 5s\n", 1)
	h.setPlatform([]byte(document))
	h.apply(client.ApplyRequest{})
	// The interval holds from the next start on.
	if err := h.StopDaemon(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.start()
	node, stranger, teleport := h.plugNode(110, "10.10.0.10"), h.plugNode(150, "10.10.0.50"), h.plugNode(102, teleportAddress)
	h.await(2*time.Minute, "the endpoint is served again", func() bool { return h.getsIn(node, "10.10.0.10", endpoint, atOnce) })
	for name, address := range map[*lab.Node]string{stranger: "10.10.0.50", teleport: teleportAddress} {
		if h.getsIn(name, address, endpoint, inVain) {
			t.Errorf("the endpoint is reached from %s, which is no node", address)
		}
	}

	d := h.csi(node)
	if err := d.Probe(); err != nil {
		t.Fatal(err)
	}
	if err := d.CreateVolume("pvc-0", size); err != nil {
		t.Fatal(err)
	}
	if r, err := d.Wire.Exec("id; reboot", false); err != nil || r.Code == 0 {
		t.Errorf("a shell's command answered %+v, %v", r, err)
	}

	// The daemon dies while volumes are being made; the driver asks again. A test
	// that was too slow to kill it meanwhile tries it with more of them.
	const more = 8
	volumes, caught := 1, false
	for round := 0; !caught; round++ {
		if round == 5 {
			t.Fatal("five times all volumes were made before the daemon was killed: it proves nothing")
		}
		caught = h.killedWhileMaking(d, volumes, more, size)
		volumes += more
	}
	all, orphans := h.volumesSeen()
	for i := range volumes {
		if v := all[fmt.Sprintf("pvc-%d", i)]; v.State != "ready" {
			t.Errorf("pvc-%d is %q", i, v.State)
		}
	}
	if len(all) != volumes || len(orphans) != 0 {
		t.Errorf("%d volumes, orphans %+v", len(all), orphans)
	}
	// A target that somebody deletes by hand comes back.
	want := h.storage()
	if err := h.Host.WriteFile(byHandFile, []byte(iqnBase+":pvc-3"), 0o600); err != nil {
		t.Fatal(err)
	}
	pid, _ := h.Daemon()
	if err := syscall.Kill(pid, syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	h.await(2*time.Minute, "the target is deleted", func() bool {
		_, err := h.Host.ReadFile(byHandFile)
		return errors.Is(err, os.ErrNotExist)
	})
	began := time.Now()
	h.await(2*time.Minute, "the reconciler has repaired the target", func() bool { return h.storage() == want })
	fmt.Printf("storage: a target deleted by hand was back after %s, looked for every 5s\n", time.Since(began).Round(100*time.Millisecond))

	// A boot leaves volumes and no target.
	if err := h.KillDaemon(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.run(": > " + standin.Dir + "/configfs.journal")
	h.start()
	h.await(2*time.Minute, "the targets are restored", func() bool { return h.storage() == want })
	h.await(2*time.Minute, "the endpoint is served", func() bool { return h.getsIn(node, "10.10.0.10", endpoint, atOnce) })
	for i := range volumes {
		if err := d.DeleteVolume(fmt.Sprintf("pvc-%d", i)); err != nil {
			t.Errorf("pvc-%d cannot be deleted: %v", i, err)
		}
	}
	if all, orphans := h.volumesSeen(); len(all) != 0 || len(orphans) != 0 {
		t.Errorf("left %+v, orphans %+v", all, orphans)
	}
}

// killedWhileMaking makes volumes side by side, kills the daemon when the first is
// made, starts it again, and reports whether some were not made by then.
func (h *host) killedWhileMaking(d csigatetest.Driver, first, n int, size uint64) bool {
	h.t.Helper()
	var done, again atomic.Int64
	var wg sync.WaitGroup
	made := make(chan struct{}, n)
	for i := first; i < first+n; i++ {
		wg.Go(func() {
			for h.t.Context().Err() == nil {
				if err := d.CreateVolume(fmt.Sprintf("pvc-%d", i), size); err == nil {
					done.Add(1)
					made <- struct{}{}
					return
				}
				again.Add(1)
				time.Sleep(50 * time.Millisecond)
			}
		})
	}
	<-made
	if err := h.KillDaemon(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	before := done.Load()
	h.start()
	wg.Wait()
	fmt.Printf("storage: %d of %d volumes were made when the daemon was killed, the others after %d further tries\n", before, n, again.Load())
	return before < int64(n)
}

func TestOnAHostWithoutZFSEverythingButTheStorageIsApplied(t *testing.T) {
	if _, err := os.Stat("/sbin/zfs"); err == nil {
		t.Skip("this machine has zfs; a lab's daemon must not touch its pools")
	}
	h := newHost(t, lab.Options{Name: "nozfs"})
	h.start(envNoZFS + "=1")
	h.setExample()
	op, err := h.tryApply(client.ApplyRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if op, err = h.api.Wait(t.Context(), op.ID); err != nil {
		t.Fatal(err)
	}
	states := map[string]client.StepState{}
	var failed []string
	for _, s := range op.Steps {
		states[s.ID] = s.State
		if s.Error != nil {
			failed = append(failed, s.ID+": "+s.Error.Detail)
		}
	}
	for _, id := range []string{"firewall.input", "network.bridge", "firewall.forward", "network.forwarding", "firewall.pins"} {
		if states[id] != client.StepStateChanged {
			t.Errorf("%s is %s", id, states[id])
		}
	}
	if len(failed) != 1 || !strings.HasPrefix(failed[0], "storage.dataset: ") || !strings.Contains(failed[0], "this host has no ZFS") {
		t.Errorf("failed are %q", failed)
	}
}
