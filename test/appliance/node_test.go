package appliance

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/waddle-social/waddle/internal/csigate"
	"github.com/waddle-social/waddle/internal/csigate/csigatetest"
)

// The guest plays the host and one of the cluster's nodes: democratic-csi's
// requests come through the harness's channel, and connections to the host's
// internal address leave with the node's.
const (
	hostAddress = "10.10.0.1"
	nodeAddress = "10.10.0.11"
	storageRoot = "rpool/k8s-csi"
	iqnBase     = "iqn.2026-01.social.waddle"
	keyFolder   = "/var/lib/waddle/storage"
)

// beANode gives the guest the node's address, from which it reaches the host.
const beANode = `set -e
ip addr replace ` + nodeAddress + `/32 dev lo
ip route change local ` + hostAddress + ` dev vmbr1 table local proto kernel scope host src ` + nodeAddress

// applied installs the package and applies the platform as far as the storage.
func applied(t *testing.T, vm *VM) {
	t.Helper()
	run(t, vm, "ifdown vmbr1 && rm /etc/network/interfaces.d/vmbr1") // waddled makes it
	run(t, vm, "dpkg -i "+copyPackage(t, vm, "v1.0.0"))
	if err := vm.Copy(t.Context(), filepath.Join("testdata", "platform.yaml"), "/etc/waddle/platform.yaml"); err != nil {
		t.Fatal(err)
	}
	run(t, vm, "waddle apply --through 1 --yes --adopt || test $? -eq 6") // 6: a gate waits
}

// controller is democratic-csi with the key that the daemon made for it.
func controller(t *testing.T, vm *VM) csigatetest.Driver {
	t.Helper()
	run(t, vm, beANode)
	wire := csigatetest.Dialer(func() (*ssh.Client, error) { return dialEndpoint(t, vm) })
	d := csigatetest.Driver{
		Wire: wire, V: storageRoot + "/v", S: storageRoot + "/s", Base: iqnBase, Portal: hostAddress + ":3260", Instance: "waddle-social",
		Group: []string{"authentication=0", "generate_node_acls=1", "cache_dynamic_acls=1", "demo_mode_write_protect=0"},
		Block: []string{"emulate_tpu=1"},
	}
	eventually(t, vm, "timeout 5 bash -c 'exec 3<>/dev/tcp/"+hostAddress+"/2222 && read -t 5 line <&3 && [[ $line == SSH-2.0* ]]'")
	if err := d.Probe(); err != nil {
		t.Fatal(err)
	}
	return d
}

func dialEndpoint(t *testing.T, vm *VM) (*ssh.Client, error) {
	key, err := vm.Run(t.Context(), "cat "+keyFolder+"/client_ed25519")
	if err != nil {
		return nil, err
	}
	signer, err := ssh.ParsePrivateKey([]byte(key + "\n"))
	if err != nil {
		return nil, err
	}
	host, err := vm.Run(t.Context(), "ssh-keygen -y -f "+keyFolder+"/host_ed25519")
	if err != nil {
		return nil, err
	}
	hostKey, _, _, _, err := ssh.ParseAuthorizedKey([]byte(host))
	if err != nil {
		return nil, err
	}
	conn, err := vm.connection().DialContext(t.Context(), "tcp", hostAddress+":2222")
	if err != nil {
		return nil, err
	}
	c, channels, requests, err := ssh.NewClientConn(conn, hostAddress, &ssh.ClientConfig{
		User: csigate.User, Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, HostKeyCallback: ssh.FixedHostKey(hostKey), ClientVersion: "SSH-2.0-ssh2js1.15.0",
	})
	if err != nil {
		return nil, err
	}
	return ssh.NewClient(c, channels, requests), nil
}

// provision repeats an RPC as the external provisioner does while the endpoint
// says that a volume's device has not appeared yet: an emulated udev is slow.
func provision(t *testing.T, rpc func() error) {
	t.Helper()
	for {
		err := rpc()
		if err == nil {
			return
		}
		if !strings.Contains(err.Error(), "device did not appear") {
			t.Fatal(err)
		}
		t.Log("again: ", err)
		select {
		case <-t.Context().Done():
			t.Fatal(err)
		case <-time.After(time.Second):
		}
	}
}

// logIn discovers a volume's target, logs in and returns the disk.
func logIn(t *testing.T, vm *VM, d csigatetest.Driver, id string) string {
	t.Helper()
	iqn := d.IQN(id)
	if said := run(t, vm, "iscsiadm -m discovery -t sendtargets -p "+d.Portal); !strings.Contains(said, iqn) {
		t.Fatalf("the discovery does not find %s:\n%s", iqn, said)
	}
	run(t, vm, "iscsiadm -m node -T "+iqn+" -p "+d.Portal+" --login")
	return eventually(t, vm, "test -b /dev/disk/by-path/ip-"+d.Portal+"-iscsi-"+iqn+"-lun-0 && readlink -f /dev/disk/by-path/ip-"+d.Portal+"-iscsi-"+iqn+"-lun-0")
}

func logOut(t *testing.T, vm *VM, d csigatetest.Driver, id string) {
	t.Helper()
	run(t, vm, "iscsiadm -m node -T "+d.IQN(id)+" -p "+d.Portal+" --logout && iscsiadm -m node -T "+d.IQN(id)+" -o delete")
}
