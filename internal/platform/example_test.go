package platform_test

import (
	"os"
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

func TestTheExampleParses(t *testing.T) {
	p, err := platform.Parse("waddle-social.yaml", readExample(t))
	if err != nil {
		t.Fatal(err)
	}
	out, err := platform.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", out)
	m, _ := platform.Marshal(platform.Minimal(p))
	t.Logf("%s", m)
}
