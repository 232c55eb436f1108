package platform_test

import (
	"bytes"
	"os"
	"reflect"
	"testing"

	"github.com/waddle-social/waddle/internal/platform"
)

const examplePath = "../../examples/waddle-social.yaml"

func readExample(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func parseExample(t testing.TB) *platform.Platform {
	t.Helper()
	p, err := platform.Parse("waddle-social.yaml", readExample(t))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func marshal(t interface {
	Helper()
	Fatal(...any)
}, p *platform.Platform) []byte {
	t.Helper()
	out, err := platform.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func compareGolden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", file, got, want)
	}
}

func TestTheExampleWithAllDefaultsFilledIn(t *testing.T) {
	compareGolden(t, "testdata/example-complete.yaml", marshal(t, parseExample(t)))
}

func TestTheShortestFormOfTheExample(t *testing.T) {
	compareGolden(t, "testdata/example-minimal.yaml", marshal(t, platform.Minimal(parseExample(t))))
}

func TestDefaultsFollowTheNetworkTheDomainThePoolAndTheVault(t *testing.T) {
	changed := bytes.Replace(readExample(t), []byte("  teleport:\n"), []byte(`  dns:
    domain: example.org
  secrets:
    vault: other
  teleport:
`), 1)
	changed = bytes.Replace(changed, []byte("    flexibleIP:\n"), []byte("    internal:\n      cidr: 172.20.4.0/23\n    flexibleIP:\n"), 1)
	changed = bytes.Replace(changed, []byte("    ssh:\n"), []byte("    pool: tank\n    ssh:\n"), 1)
	p, err := platform.Parse("changed.yaml", changed)
	if err != nil {
		t.Fatal(err)
	}
	compareGolden(t, "testdata/derived-complete.yaml", marshal(t, p))
}

func TestParsingTwiceGivesEqualPlatformsThatShareNothing(t *testing.T) {
	a, b := parseExample(t), parseExample(t)
	if !reflect.DeepEqual(a, b) {
		t.Error("two parses differ")
	}
	c := a.Clone()
	c.Spec.Network.Resolvers[0] = c.Spec.Network.Internal.Address
	c.Spec.Network.Public.IPv6.Gateway = c.Spec.Network.Internal.Address
	c.Spec.Teleport.Teams[0].Roles[0] = "changed"
	if !reflect.DeepEqual(a, b) {
		t.Error("a change of a clone reached the original")
	}
}

func TestLineEndsAndByteOrderMarkDoNotMatter(t *testing.T) {
	want := parseExample(t)
	for name, data := range map[string][]byte{
		"CRLF":                      bytes.ReplaceAll(readExample(t), []byte("\n"), []byte("\r\n")),
		"CR":                        bytes.ReplaceAll(readExample(t), []byte("\n"), []byte("\r")),
		"a byte order mark":         append([]byte("\ufeff"), readExample(t)...),
		"no line end at the end":    bytes.TrimRight(readExample(t), "\n"),
		"a document start in front": append([]byte("---\n"), readExample(t)...),
	} {
		p, err := platform.Parse("platform.yaml", data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !reflect.DeepEqual(p, want) {
			t.Errorf("%s: another platform", name)
		}
	}
}

func TestMachinesHaveTheInterfacesOfThePlan(t *testing.T) {
	s := parseExample(t).Spec
	vm := s.TeleportVM()
	if got := vm.NICs; len(got) != 2 || got[0].Bridge != "vmbr0" || got[0].MAC.String() != "52:54:00:ab:cd:ef" || got[1].Bridge != "vmbr1" {
		t.Errorf("the Teleport VM has the interfaces %v", got)
	}
	if vm.Address.String() != "10.10.0.2" {
		t.Errorf("the Teleport VM has the address %v", vm.Address)
	}
	nodes := s.Nodes()
	if len(nodes) != 3 {
		t.Fatalf("there are %d nodes", len(nodes))
	}
	for i, want := range []string{"10.10.0.10", "10.10.0.11", "10.10.0.12"} {
		if n := nodes[i]; n.Address.String() != want || len(n.NICs) != 1 || n.NICs[0].Bridge != "vmbr1" {
			t.Errorf("node %d is %+v", i, n)
		}
	}
}

func TestTheRevisionNamesTheBytes(t *testing.T) {
	// SHA-256 of "" begins with e3b0c44298fc1c14 (FIPS 180-4 test vector).
	if got := platform.Revision(nil); got != "e3b0c44298fc1c14" {
		t.Errorf("the revision of nothing is %s", got)
	}
	if a, b := platform.Revision([]byte("a")), platform.Revision([]byte("b")); a == b || len(a) != 16 {
		t.Errorf("the revisions are %s and %s", a, b)
	}
}
