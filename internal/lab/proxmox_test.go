package lab

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/waddle-social/waddle/internal/lab/pve"
	"github.com/waddle-social/waddle/internal/lab/upstream"
)

// call asks the simulated node and fails the test when it refuses.
func call(t *testing.T, l *Lab, method, path string, pairs ...string) json.RawMessage {
	t.Helper()
	data, err := l.Proxmox(t.Context(), method, path, form(pairs...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func form(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v
}

// task makes a call that starts a task, and waits for its exit status.
func task(t *testing.T, l *Lab, method, path string, pairs ...string) string {
	t.Helper()
	var upid string
	if err := json.Unmarshal(call(t, l, method, path, pairs...), &upid); err != nil {
		t.Fatal(err)
	}
	for {
		var st struct{ Status, ExitStatus string }
		raw := call(t, l, "GET", "/nodes/pve/tasks/"+url.PathEscape(upid)+"/status")
		if err := json.Unmarshal(raw, &st); err != nil {
			t.Fatal(err)
		}
		if st.Status == "stopped" {
			return st.ExitStatus
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// makeVM fetches Debian's image from the lab's internet and makes and starts a VM of it.
func makeVM(t *testing.T, l *Lab, id int, name, bridge, address string) {
	t.Helper()
	if got := task(t, l, "POST", "/nodes/pve/storage/local/download-url", "content", "import", "filename", upstream.DebianImage(),
		"url", upstream.DebianURL(), "checksum", upstream.DebianSHA512(), "checksum-algorithm", "sha512"); got != "OK" {
		t.Fatalf("the download ended with %q", got)
	}
	if got := task(t, l, "POST", "/nodes/pve/qemu", "vmid", strconv.Itoa(id), "name", name, "memory", "1024",
		"scsi0", "local-zfs:0,import-from=local:import/"+upstream.DebianImage(), "ide2", "local-zfs:cloudinit", "boot", "order=scsi0",
		"agent", "1", "net0", "virtio=BC:24:11:00:00:0A,bridge="+bridge, "ipconfig0", "ip="+address+",gw=10.10.0.1"); got != "OK" {
		t.Fatalf("the VM's making ended with %q", got)
	}
	if got := task(t, l, "POST", "/nodes/pve/qemu/"+strconv.Itoa(id)+"/status/start"); got != "OK" {
		t.Fatalf("the VM's start ended with %q", got)
	}
}

func TestTheHostHasAProxmoxWhoseVMsAreOnItsBridges(t *testing.T) {
	l := startLab(t, Options{Name: "pve"})
	typeOnHost(t, l, "ip link add vmbr1 type bridge && ip addr add 10.10.0.1/24 dev vmbr1 && ip link set vmbr1 up")
	makeVM(t, l, 110, "waddle-cp-1", "vmbr1", "10.10.0.10/24")
	if got, err := l.Host.ReadFile("/var/lib/vz/import/" + upstream.DebianImage()); err != nil || string(got[:4]) != "QFI\xfb" {
		t.Errorf("the image is not among the host's files: %v", err)
	}
	vm := l.VM("waddle-cp-1")
	if vm == nil {
		t.Fatal("the VM has no namespace")
	}
	if n, err := Ping(t.Context(), vm, netip.MustParseAddr("10.10.0.1"), 1); err != nil || n != 1 {
		t.Errorf("the host does not answer the VM: %d, %v", n, err)
	}
	if vms, err := l.VMs(); err != nil || len(vms) != 1 || vms[0].MAC != "BC:24:11:00:00:0A" || vms[0].VMID != 110 {
		t.Errorf("the lab sees the VMs %+v, %v", vms, err)
	}
	if got := task(t, l, "POST", "/nodes/pve/qemu/110/status/stop"); got != "OK" || l.VM("waddle-cp-1") != nil {
		t.Errorf("the stop ended with %q, and the VM is there: %v", got, l.VM("waddle-cp-1"))
	}
}

// The programs of the host trust what the lab's internet shows them, and those of a VM do.
func TestTheInternetServesImagesThatTheLabTrusts(t *testing.T) {
	l := startLab(t, Options{Name: "mirror"})
	typeOnHost(t, l, "curl -sSf -o /tmp/image "+upstream.DebianURL()+" && echo '"+upstream.DebianSHA512()+"  /tmp/image' | sha512sum -c")
	typeOnHost(t, l, "curl -sSf -d 'customization: {}' https://"+upstream.FactoryHost+"/schematics | grep 376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba")
	typeOnHost(t, l, "curl -sSf --cacert "+proxmoxCAPath+" https://127.0.0.1:8006/ | grep 'pve - Proxmox'")
	if out, err := l.Scanner.Run(t.Context(), "curl", "-sSf", "--cacert", rootsFile, "https://"+upstream.FactoryHost+"/versions"); err != nil || !strings.Contains(out, "v1.12.4") {
		t.Errorf("a guest: %s, %v", out, err)
	}
	seen, err := l.Requests(t.Context())
	if err != nil || len(seen) == 0 || seen[0].Host != upstream.DebianHost || seen[0].Source.Addr() != HostAddr && seen[0].Source.Addr() != HostAddr6 {
		t.Errorf("the server has seen %+v, %v", seen, err)
	}
}

func TestTheHostHasTheProgramsOfProxmox(t *testing.T) {
	l := startLab(t, Options{Name: "tools"})
	if out, err := l.Host.Run(t.Context(), "pvesh", "get", "/version", "--output-format", "json"); err != nil || !strings.Contains(out, `"version"`) {
		t.Errorf("pvesh: %s %v", out, err)
	}
	if got := task(t, l, "POST", "/nodes/pve/qemu", "vmid", "111", "name", "locked"); got != "OK" {
		t.Fatal(got)
	}
	if _, err := l.Inject(t.Context(), pve.Fault{Kind: pve.FaultLock, VMID: 111, Lock: "create"}); err != nil {
		t.Fatal(err)
	}
	if out, err := l.Host.Run(t.Context(), "qm", "unlock", "111"); err != nil {
		t.Fatalf("qm unlock: %s %v", out, err)
	}
	if config := string(call(t, l, "GET", "/nodes/pve/qemu/111/config")); strings.Contains(config, `"lock"`) {
		t.Errorf("after the unlock: %s", config)
	}
}

func TestFaultsAreInjectedListedAndCleared(t *testing.T) {
	l := startLab(t, Options{Name: "faults"})
	id, err := l.Inject(t.Context(), pve.Fault{Kind: pve.FaultHTTP, Status: http.StatusBadGateway, Path: "/version"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Proxmox(t.Context(), "GET", "/version", nil); err == nil || !strings.Contains(err.Error(), "502") {
		t.Errorf("with the fault the call says %v", err)
	}
	if all, err := l.Faults(t.Context()); err != nil || len(all) != 1 || all[0].ID != id {
		t.Errorf("the faults are %+v, %v", all, err)
	}
	if err := l.ClearFaults(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	call(t, l, "GET", "/version")
	if _, err := l.Inject(t.Context(), pve.Fault{Kind: "moon"}); err == nil || !strings.Contains(err.Error(), "there are task") {
		t.Errorf("a fault that there is not: %v", err)
	}
	if err := l.CrashVM(t.Context(), 999); err == nil || !strings.Contains(err.Error(), "999") {
		t.Errorf("a VM that there is not: %v", err)
	}
}

func TestALabWhoseProxmoxDiedIsBuiltAgain(t *testing.T) {
	l := startLab(t, Options{Name: "pvedied"})
	st, err := readState(l.Name)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Proxmox.signal(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if !st.Proxmox.waitGone(t.Context(), time.Minute) {
		t.Fatal("the simulator survived SIGKILL")
	}
	if _, err := Open(l.Name); err == nil || !strings.Contains(err.Error(), "Proxmox VE") {
		t.Errorf("the lab was opened: %v", err)
	}
	again, err := Up(t.Context(), Options{Name: l.Name})
	if err != nil {
		t.Fatal(err)
	}
	call(t, again, "GET", "/version")
}

func TestDownTakesTheVMsOfProxmoxAwayToo(t *testing.T) {
	l := startLab(t, Options{Name: "pvedown"})
	makeVM(t, l, 102, "teleport", "vmbr0", "10.10.0.10/24")
	if err := Down(context.Background(), l.Name); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(netnsPath(l.Name, vmNode("teleport"))); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the VM's namespace: %v", err)
	}
	if _, err := os.Stat(stateDir(l.Name)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the lab's directory: %v", err)
	}
}
