package server

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/internal/server/listen/listentest"
)

const docsDir = "../../docs/"

func readDoc(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(docsDir + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// declaredCodes reads the constants out of internal/problem, so that a new one
// cannot be forgotten.
func declaredCodes(t *testing.T) []problem.Code {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../problem/problem.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var codes []problem.Code
	ast.Inspect(file, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || v.Type == nil {
			return true
		}
		if id, ok := v.Type.(*ast.Ident); ok && id.Name == "Code" {
			s, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			codes = append(codes, problem.Code(s))
		}
		return true
	})
	if len(codes) < 20 {
		t.Fatalf("found only %d codes", len(codes))
	}
	return codes
}

func TestTheDocumentationListsEveryProblemCodeWithItsStatus(t *testing.T) {
	listed := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| ([0-9]+) \\|").FindAllStringSubmatch(readDoc(t, "api.md"), -1) {
		listed[m[1]] = m[2]
	}
	codes := declaredCodes(t)
	for _, c := range codes {
		if got, want := listed[string(c)], strconv.Itoa(c.Status()); got != want {
			t.Errorf("docs/api.md says status %q for %s, want %s", got, c, want)
		}
		if titles[c] == "" {
			t.Errorf("the code %s has no title", c)
		}
	}
	if len(listed) != len(codes) {
		t.Errorf("docs/api.md lists %d codes, there are %d", len(listed), len(codes))
	}
}

func TestTheDocumentationShowsTheVeryScript(t *testing.T) {
	if !strings.Contains(readDoc(t, "api.md"), "```sh script\n"+readDoc(t, "ci-example.sh")+"```\n") {
		t.Error("docs/api.md does not show docs/ci-example.sh as it is")
	}
}

// ciScript is docs/ci-example.sh as a CI job calls it.
type ciScript struct {
	w   *world
	env []string
}

func (w *world) ciScript(scope string) *ciScript {
	secret, _ := w.token("ci-"+scope, scope)
	file := filepath.Join(w.dir, "token-"+scope)
	w.must(os.WriteFile(file, []byte(secret+"\n"), 0o600))
	return &ciScript{w, append(os.Environ(), "WADDLE_SERVER=https://"+w.tls.String(), "WADDLE_TOKEN_FILE="+file, "WADDLE_CA="+w.server.certs.CAFile())}
}

// run returns what the script prints and wants its exit code.
func (s *ciScript) run(code int, args ...string) (stdout, stderr string) {
	s.w.t.Helper()
	cmd := exec.Command(docsDir+"ci-example.sh", args...)
	cmd.Env = s.env
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run()
	if got := cmd.ProcessState.ExitCode(); got != code {
		s.w.t.Fatalf("ci-example.sh %s: exit code %d, want %d\n%s%s\n%s", strings.Join(args, " "), got, code, out.String(), errs.String(), s.w.log)
	}
	return out.String(), errs.String()
}

func needTools(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatalf("needs %s", name)
			}
			t.Skipf("needs %s", name)
		}
	}
}

func TestTheScriptOfTheDocumentationDoesAllThatWaddleDoes(t *testing.T) {
	needTools(t, "curl", "jq")
	w := newWorld(t)
	file := filepath.Join(w.dir, "new.yaml")
	w.must(os.WriteFile(file, example(t), 0o600))
	ci := w.ciScript("admin")
	w.withPlatform()
	w.withPhase0()

	out, _ := ci.run(0, "deploy", file, "1")
	for _, want := range []string{"create firewall.rules", "step network.bridge changed", "op-00000001: done"} {
		if !strings.Contains(out, want) {
			t.Errorf("deploy does not print %q:\n%s", want, out)
		}
	}
	if !w.get("network.bridge") || !w.get("firewall.rules") {
		t.Error("deploy has not applied phases 0 and 1")
	}
	if out, _ := ci.run(0, "deploy", file, "1"); !strings.Contains(out, "no changes") {
		t.Errorf("a second deploy prints %s", out)
	}
	if out, _ := ci.run(6, "apply", "2"); !strings.Contains(out, "waiting") {
		t.Errorf("an apply that stops at a gate prints %s", out)
	}
	for _, c := range [][]string{
		{"version"}, {"status"}, {"validate", file}, {"put", file}, {"platform"}, {"platform-json"}, {"schema"}, {"host"},
		{"plan", "1"}, {"phases"}, {"phase", "1"}, {"run", "1"}, {"operations"}, {"operation", "op-00000001"}, {"watch", "op-00000001"},
		{"cancel", "op-00000001"}, {"acknowledge", "2", "teleport.vm", "seen"}, {"undo-plan", "1"}, {"undo", "1"}, {"events", "1"},
		{"storage"}, {"volumes"}, {"volume-create", "db", "16384"}, {"volume", "db"}, {"volume-resize", "db", "32768"}, {"volume-snapshot", "db", "daily"},
		{"volume-rollback", "db", "daily"}, {"volume-clone", "db", "copy", "daily"}, {"volume-move", "db"}, {"volume-delete", "copy", "copy"}, {"snapshot-delete", "db", "daily"},
		{"volume-delete", "db", "db"}, {"sessions"}, {"orphans"}, {"repair"}, {"adoption"}, {"adopt"}, {"csi-values"},
		{"csi-secrets", filepath.Join(w.dir, "csi.yaml")}, {"network"}, {"tokens"}, {"metrics"}, {"contract"}, {"help"},
	} {
		if out, _ := ci.run(0, c...); out == "" && c[0] != "acknowledge" {
			t.Errorf("ci-example.sh %s printed nothing", strings.Join(c, " "))
		}
	}
	for _, c := range [][]string{
		{"firewall"}, {"firewall-test", "internet", "host:8006/tcp"}, {"firewall-set", "open"}, {"firewall-diff"}, {"firewall-rollback"},
		{"firewall-emergency", "198.51.100.7", "5m"}, {"firewall-rollback"},
	} {
		if out, _ := ci.run(0, c...); out == "" {
			t.Errorf("ci-example.sh %s printed nothing", strings.Join(c, " "))
		}
	}
	ci.run(4, "firewall-confirm")
	ci.run(3, "plan", "1")
	secret := filepath.Join(w.dir, "secret")
	out, _ = ci.run(0, "token-create", "reader", "read", secret)
	var made struct{ ID string }
	w.must(json.Unmarshal([]byte(out), &made))
	if data, err := os.ReadFile(secret); err != nil || !strings.HasPrefix(string(data), "waddle_") {
		t.Errorf("the secret's file holds %q (%v)", data, err)
	}
	ci.run(0, "token-revoke", made.ID)
	if out, _ := ci.run(0, "csi-secrets", secret); strings.Contains(out, clientKey) {
		t.Errorf("the client key is printed: %s", out)
	}
	if data, err := os.ReadFile(secret); err != nil || !strings.Contains(string(data), clientKey) {
		t.Errorf("the secrets' file holds %q (%v)", data, err)
	}
	ci.run(2, "volume-clone", "nothing", "copy", "daily")
	w.neverLogged("waddle_", clientKey)
}

func TestTheScriptOfTheDocumentationSaysWhatWentWrong(t *testing.T) {
	needTools(t, "curl", "jq")
	w := newWorld(t)
	bad := filepath.Join(w.dir, "bad.yaml")
	w.must(os.WriteFile(bad, []byte("apiVersion: waddle.social/v1alpha1\nkind: Platfrom\n"), 0o600))
	_, errs := w.ciScript("operate").run(2, "deploy", bad, "1")
	if !strings.Contains(errs, "platform.yaml:2:") || !strings.Contains(errs, "invalid_platform") {
		t.Errorf("a wrong document prints %s", errs)
	}
	reader := w.ciScript("read")
	reader.run(4, "plan")
	_, errs = reader.run(4, "run", "1")
	if !strings.Contains(errs, "needs the scope operate") {
		t.Errorf("a token without the scope prints %s", errs)
	}
	reader.run(2, "operation", "nothing")
	reader.run(2, "no-such-command")
	reader.env = append(reader.env, "WADDLE_TOKEN_FILE=/dev/null")
	reader.run(8, "status")
	reader.env = append(reader.env, "WADDLE_SERVER=https://"+listentest.Port(t, "127.0.0.1").String())
	reader.run(7, "version")
}

// neverLogged wants none of the words in the log.
func (w *world) neverLogged(words ...string) {
	w.t.Helper()
	for _, word := range words {
		if strings.Contains(w.log.String(), word) {
			w.t.Errorf("the log holds %q", word)
		}
	}
}
