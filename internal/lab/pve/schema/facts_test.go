package schema_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/waddle-social/waddle/internal/lab/pve/schema"
)

// facts are what qemu-server 9.2.6's own validation of POST /nodes/{node}/qemu answered: the
// body beside node and vmid, and the errors. An empty answer means that it passed.
var facts = []struct{ body, errors string }{
	{`{"cores": 0}`, `{"cores":"value must have a minimum value of 1"}`},
	{`{"cores": "three"}`, `{"cores":"type check ('integer') failed - got 'three'"}`},
	{`{"balloon": -1}`, `{"balloon":"value must have a minimum value of 0"}`},
	{`{"name": "a_b"}`, `{"name":"invalid format - value does not look like a valid DNS name\n"}`},
	{`{"net0": "virtio,bridge=vmbr1"}`, ``},
	{`{"net0": "bridge=vmbr1"}`, `{"net0":"invalid format - format error\nnet0.model: property is missing and it is not optional\n"}`},
	{`{"net0": "virtio=01:00:5e:00:00:01,bridge=vmbr1"}`, `{"net0":"invalid format - format error\nnet0.macaddr: invalid format - value does not look like a valid unicast MAC address\n\n"}`},
	{`{"net0": "virtio=BC:24:11:00:00:10,bridge=vmbr1,tag=5000"}`, `{"net0":"invalid format - format error\nnet0.tag: value must have a maximum value of 4094\n"}`},
	{`{"ipconfig0": "ip=10.10.0.10,gw=10.10.0.1"}`, `{"ipconfig0":"invalid format - format error\nipconfig0.ip: invalid format - value does not look like a valid ipv4 network configuration\n\n"}`},
	{`{"ipconfig0": "gw=10.10.0.1"}`, `{"ipconfig0":"invalid format - format error\nipconfig0.ip: missing property required by 'ipconfig0.gw'\n"}`},
	{`{"ipconfig0": "ip=10.10.0.300/24"}`, `{"ipconfig0":"invalid format - format error\nipconfig0.ip: invalid format - value does not look like a valid ipv4 network configuration\n\n"}`},
	{`{"ipconfig0": "ip=51.15.1.2/32,gw=62.210.0.1"}`, ``},
	{`{"scsi0": "local-zfs:0,import-from=local:import/x.qcow2"}`, ``},
	{`{"scsi0": "local-zfs:5,import-from=local:import/x.qcow2"}`, ``},
	{`{"scsi31": "local-zfs:10"}`, `{"scsi31":"property is not defined in schema and the schema does not allow additional properties"}`},
	{`{"ide4": "local-zfs:cloudinit"}`, `{"ide4":"property is not defined in schema and the schema does not allow additional properties"}`},
	{`{"agent": "enabled=2"}`, `{"agent":"invalid format - format error\nagent.enabled: type check ('boolean') failed - got '2'\n"}`},
	{`{"agent": "1,type=virtio"}`, ``},
	{`{"tags": "waddle;talos"}`, ``},
	{`{"boot": "order=scsi0;net0"}`, ``},
	{`{"bios": "uefi"}`, `{"bios":"value 'uefi' does not have a value in the enumeration 'seabios, ovmf'"}`},
	{`{"machine": "q36"}`, `{"machine":"invalid format - format error\nmachine.type: value does not match the regex pattern\n"}`},
	{`{"ostype": "linux"}`, `{"ostype":"value 'linux' does not have a value in the enumeration 'other, wxp, w2k, w2k3, w2k8, wvista, win7, win8, win10, win11, l24, l26, solaris'"}`},
	{`{"scsihw": "virtio"}`, `{"scsihw":"value 'virtio' does not have a value in the enumeration 'lsi, lsi53c810, virtio-scsi-pci, virtio-scsi-single, megasas, pvscsi'"}`},
	{`{"cpu": "hosty"}`, `{"cpu":"invalid format - Built-in cputype 'hosty' is not defined (missing 'custom-' prefix?)\n"}`},
	{`{"startup": "order=a"}`, `{"startup":"invalid format - unable to parse startup options\n"}`},
	{`{"sshkeys": "ssh-ed25519%20AAAA%20x"}`, ``},
	{`{"cicustom": "user=local:snippets/u.yaml,network=local:snippets/n.yaml"}`, ``},
	{`{"nameserver": "one.one"}`, ``},
	{`{"nameserver": "1.1.1.1 8.8.8.8"}`, ``},
	{`{"onboot": "yes"}`, `{"onboot":"type check ('boolean') failed - got 'yes'"}`},
	{`{"onboot": 1}`, ``},
	{`{"serial0": "socket"}`, ``},
	{`{"smbios1": "uuid=not-a-uuid"}`, `{"smbios1":"invalid format - format error\nsmbios1.uuid: value does not match the regex pattern\n"}`},
	{`{"description": "` + strings.Repeat("x", 8193) + `"}`, `{"description":"value may only be 8192 characters long"}`},
	{`{"vmid": 99}`, `{"vmid":"invalid format - value does not look like a valid VM ID\n"}`},
	{`{"protection": 1}`, ``},
	{`{"unknown": 1}`, `{"unknown":"property is not defined in schema and the schema does not allow additional properties"}`},
	{`{"efidisk0": "local-zfs:1,efitype=4m,pre-enrolled-keys=0"}`, ``},
	{`{"tpmstate0": "local-zfs:1,version=v2.0"}`, ``},
	{`{"ciuser": "debian"}`, ``},
	{`{"citype": "nocloud"}`, ``},
	{`{"hotplug": "everything"}`, `{"hotplug":"invalid format - invalid hotplug feature 'everything'\n"}`},
	{`{"ide2": "nowhere:cloudinit"}`, ``},
	{`{"ipconfig0": "ip=dhcp,gw=10.10.0.1"}`, ``},
	// Read in the sources of pve-common 9.2.1 and qemu-server 9.2.6, not run.
	{`{"tags": "a b;ü"}`, `{"tags":"invalid format - invalid characters in tag\n"}`},
	{`{"sshkeys": "ssh-ed25519 AAAA"}`, `{"sshkeys":"invalid format - invalid urlencoded string: ssh-ed25519 AAAA\n"}`},
	{`{"boot": "order=scsi99"}`, `{"boot":"invalid format - format error\nboot.order: invalid format - invalid boot device 'scsi99'\n\n"}`},
	{`{"scsi0": "local-zfs:1,foo=1"}`, `{"scsi0":"invalid format - invalid key in comma-separated list property: foo\n"}`},
	{`{"scsi0": "local-zfs:1,local-zfs:2"}`, `{"scsi0":"invalid format - duplicate key in comma-separated list property: file\n"}`},
	{`{"scsi0": "local-zfs:1,size=big"}`, `{"scsi0":"invalid format - format error\nscsi0.size: invalid format - value does not look like a valid disk size: big\n\n"}`},
	{`{"cicustom": "user=u.yaml"}`, `{"cicustom":"invalid format - format error\ncicustom.user: invalid format - unable to parse volume ID 'u.yaml'\n\n"}`},
	{`{"memory": "8"}`, `{"memory":"invalid format - format error\nmemory.current: value must have a minimum value of 16\n"}`},
	{`{"nameserver": "1.1.1.1 bad_name"}`, `{"nameserver":"invalid format - value does not look like a valid address: bad_name\n"}`},
	{`{"cores": 0, "bios": "uefi", "wrong": "x"}`, `{"bios":"value 'uefi' does not have a value in the enumeration 'seabios, ovmf'","cores":"value must have a minimum value of 1","wrong":"property is not defined in schema and the schema does not allow additional properties"}`},
	{`{"name": true}`, `{"name":"type check ('string') failed - got JSON::PP::Boolean"}`},
	{`{"onboot": true}`, ``},
}

func TestCreatingAVMIsRefusedInProxmoxsWords(t *testing.T) {
	create := endpoint(t, "POST /nodes/{node}/qemu")
	for _, f := range facts {
		values := schema.Values{"node": "pve", "vmid": json.Number("100")}
		dec := json.NewDecoder(strings.NewReader(f.body))
		dec.UseNumber()
		if err := dec.Decode(&values); err != nil {
			t.Fatal(err)
		}
		var want map[string]string
		if f.errors != "" {
			if err := json.Unmarshal([]byte(f.errors), &want); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(want, create.Params.Check(values, create.Open)); diff != "" {
			t.Errorf("%.200s (-Proxmox +here):\n%s", f.body, diff)
		}
	}
	t.Logf("%d bodies", len(facts))
}

func endpoint(t *testing.T, key string) schema.Endpoint {
	t.Helper()
	for _, e := range schema.Endpoints() {
		if e.Key() == key {
			return e
		}
	}
	t.Fatalf("no call %s", key)
	return schema.Endpoint{}
}

func TestAPropertyStringIsPrintedAsProxmoxKeepsIt(t *testing.T) {
	rows := []struct {
		props    schema.Params
		in, want string
	}{
		{schema.Net, "bridge=vmbr1,virtio=BC:24:11:00:00:10,tag=5,firewall=on", "virtio=BC:24:11:00:00:10,bridge=vmbr1,firewall=1,tag=5"},
		{schema.Net, "model=virtio,bridge=vmbr1", "virtio,bridge=vmbr1"},
		{schema.Drive("scsi"), "ssd=1,file=local-zfs:vm-100-disk-0,discard=on", "local-zfs:vm-100-disk-0,discard=on,ssd=1"},
		{schema.Agent, "enabled=yes", "1"},
	}
	for _, r := range rows {
		got, err := r.props.Parse("x", r.in)
		if err != nil {
			t.Fatal(err)
		}
		if s := r.props.Print(got); s != r.want {
			t.Errorf("%s became %s, want %s", r.in, s, r.want)
		}
	}
}
