package api

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheContractBreaksNoReleasedOne(t *testing.T) {
	if out, err := exec.Command("./breaking.sh").CombinedOutput(); err != nil {
		t.Errorf("breaking.sh: %v\n%s", err, out)
	}
}

func TestABreakingChangeIsSeen(t *testing.T) {
	contract := string(OpenAPI)
	for _, c := range []struct{ name, old, new, want string }{
		{"a path is renamed", "\n  /v1/version:\n", "\n  /v1/versions:\n", "GET /v1/version"},
		{"a response loses a required property", "required: [operations]\n      properties:\n        operations:", "properties:\n        runs:", "GET /v1/operations"},
		{"a request needs a new property", "required: [name, scopes]", "required: [name, scopes, expiresInDays]", "POST /v1/tokens"},
		{"an enum of a request loses a value", "enum: [read, operate, admin]", "enum: [read, admin]", "POST /v1/tokens"},
	} {
		t.Run(c.name, func(t *testing.T) {
			broken := strings.Replace(contract, c.old, c.new, 1)
			if broken == contract {
				t.Fatalf("the contract has no %q to change", c.old)
			}
			file := filepath.Join(t.TempDir(), "broken.yaml")
			if err := os.WriteFile(file, []byte(broken), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command("./breaking.sh", "openapi.yaml", file).CombinedOutput()
			if err == nil {
				t.Fatalf("breaking.sh saw nothing:\n%s", out)
			}
			if !strings.Contains(string(out), c.want) {
				t.Errorf("breaking.sh does not name %s:\n%s", c.want, out)
			}
		})
	}
}
