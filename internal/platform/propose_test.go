package platform_test

import (
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/waddle-social/waddle/internal/platform"
)

// planHost is what is seen of the plan's host right after its installation.
func planHost(t testing.TB) platform.Facts {
	t.Helper()
	key := string(parseExample(t).Spec.Host.SSH.AuthorizedKeys[0])
	return platform.Facts{
		Node: "pve", Threads: 12, MemoryBytes: 33567260672, IPv6: true,
		Disks: []platform.DiskFact{{Name: "nvme0n1", Bytes: 1000204886016}, {Name: "nvme1n1", Bytes: 1000204886016}},
		Links: []platform.LinkFact{
			{Name: "eno1"},
			{Name: "vmbr0", Bridge: true, Ports: []string{"eno1"}, Addresses: []netip.Prefix{
				netip.MustParsePrefix("203.0.113.10/24"), netip.MustParsePrefix("2001:db8:113::10/64")}},
		},
		Uplink: &platform.UplinkFact{Link: "vmbr0", Gateway4: netip.MustParseAddr("203.0.113.1"), Gateway6: netip.MustParseAddr("2001:db8:113::1")},
		Pools:  []string{"rpool"},
		Storages: []platform.StorageFact{
			{Name: "local", Type: "dir", Content: []string{"iso", "vztmpl", "backup", "import", "snippets"}},
			{Name: "local-zfs", Type: "zfspool", Content: []string{"images", "rootdir"}, Dataset: "rpool/data"},
		},
		SSHPorts:       []int{22},
		AuthorizedKeys: []string{"# a comment", key, `from="192.0.2.1" ` + key},
	}
}

// answers are the ones of the example; what is not in it takes the default.
var answers = map[string]string{
	"spec.network.flexibleIP.address":  "203.0.113.20",
	"spec.network.flexibleIP.mac":      "52:54:00:ab:cd:ef",
	"spec.teleport.teams[0].team":      "platform-admins",
	"spec.host.ssh.authorizedKeys[0]":  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO1mlkOg+/OClZsY9glonbjeUlmwex+dIQ7V3RoBIpBX operator@waddle.social",
	"spec.network.public.ipv4.address": "203.0.113.10/24",
	"spec.network.public.ipv4.gateway": "203.0.113.1",
}

// answer plays the operator: an answer from the list, else the default.
func answer(t *testing.T, p *platform.Platform, questions []platform.Question) {
	t.Helper()
	for _, q := range questions {
		text := q.Default
		if a, has := answers[q.Path]; has {
			text = a
		}
		if q.Prompt == "" || q.Allowed == "" || q.Required != (q.Default == "") {
			t.Errorf("incomplete question: %+v", q)
		}
		if err := q.Check(text); err != nil {
			t.Errorf("%s: %v", q.Path, err)
		}
		if err := platform.Set(p, q.Path, text); err != nil {
			t.Error(err)
		}
	}
}

func TestTheProposalForThePlansHostIsTheExample(t *testing.T) {
	p, questions := platform.Propose(planHost(t))
	answer(t, p, questions)
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	want := parseExample(t)
	if got := p.WithDefaults(); !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", marshal(t, platform.Minimal(got)), marshal(t, platform.Minimal(want)))
	}
	compareGolden(t, "testdata/proposal.yaml", marshal(t, platform.Minimal(p)))
}

func TestTheQuestionsForThePlansHost(t *testing.T) {
	_, questions := platform.Propose(planHost(t))
	var b strings.Builder
	for _, q := range questions {
		b.WriteString(q.Path + ": " + q.Prompt + " [" + q.Default + "]\n    allowed: " + q.Allowed + "\n")
	}
	compareGolden(t, "testdata/questions.txt", []byte(b.String()))
}

func TestAHostOfWhichNothingIsSeenIsAskedFor(t *testing.T) {
	p, questions := platform.Propose(platform.Facts{Node: "host_1"})
	answers := len(questions)
	for i := range questions {
		if questions[i].Path == "spec.host.node" {
			questions[i].Default, questions[i].Required = "pve", false
		}
	}
	answer(t, p, questions)
	if err := p.Validate(); err != nil {
		t.Fatalf("after %d answers: %v", answers, err)
	}
}

func TestProposalsForOtherHosts(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(f *platform.Facts)
		want   string // lines that the minimal document has to contain
	}{
		{"a host with half the memory gets smaller nodes", func(f *platform.Facts) { f.MemoryBytes = 16<<30 - 300<<20 }, "memory: 16GiB"},
		{"an existing vmbr1 keeps its network", func(f *platform.Facts) {
			f.Links = append(f.Links, platform.LinkFact{Name: "vmbr1", Bridge: true, Addresses: []netip.Prefix{netip.MustParsePrefix("192.168.50.1/24")}})
		}, "cidr: 192.168.50.0/24"},
		{"a network that the host has already is avoided", func(f *platform.Facts) {
			f.Links = append(f.Links, platform.LinkFact{Name: "tun0", Addresses: []netip.Prefix{netip.MustParsePrefix("10.10.0.7/16")}})
		}, "cidr: 10.20.0.0/24"},
		{"another pool is taken", func(f *platform.Facts) { f.Pools = []string{"tank"}; f.Storages = nil }, "pool: tank"},
		{"another port of sshd is taken", func(f *platform.Facts) { f.SSHPorts = []int{2022} }, "port: 2022"},
		{"another node name is taken", func(f *platform.Facts) { f.Node = "sd-12345" }, "node: sd-12345"},
		{"storages with other names are taken", func(f *platform.Facts) {
			f.Storages = []platform.StorageFact{{Name: "fast", Type: "zfspool", Content: []string{"images"}, Dataset: "rpool/fast"}, {Name: "files", Type: "dir", Content: []string{"import", "snippets"}}}
		}, "vmDataset: rpool/fast"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := planHost(t)
			c.change(&f)
			p, questions := platform.Propose(f)
			answer(t, p, questions)
			if err := p.Validate(); err != nil {
				t.Fatal(err)
			}
			if got := string(marshal(t, platform.Minimal(p))); !strings.Contains(got, c.want+"\n") {
				t.Errorf("%q is not in\n%s", c.want, got)
			}
		})
	}
}

func TestAWrongAnswerIsExplained(t *testing.T) {
	_, questions := platform.Propose(planHost(t))
	for _, q := range questions {
		err := q.Check("no such thing !")
		if err == nil || !strings.Contains(err.Error(), "; allowed: ") {
			t.Errorf("%s: got %v", q.Path, err)
		}
		if err := q.Check(""); (err != nil) != q.Required {
			t.Errorf("%s: an empty answer gives %v", q.Path, err)
		}
	}
}

func TestThePackageIsPure(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		text, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		for name, reason := range map[string]string{
			`"os"`: "it opens nothing", `"os/exec"`: "it starts nothing", `"net/http"`: "it asks nobody", "time.Now": "equal data give equal platforms",
			"vishvananda": "the thin CLI imports it", "invopop": "the generator alone needs it",
		} {
			if strings.Contains(string(text), name) {
				t.Errorf("%s has %s: %s", f.Name(), name, reason)
			}
		}
	}
}

func BenchmarkParse(b *testing.B) {
	data := readExample(b)
	for b.Loop() {
		if _, err := platform.Parse("p.yaml", data); err != nil {
			b.Fatal(err)
		}
	}
}
