package values

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/waddle-social/waddle/internal/csigate/keys"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/pkg/iscsi"
)

var update = flag.Bool("update", false, "write the golden files")

func example(t *testing.T, chap platform.CHAP) *platform.Platform {
	t.Helper()
	const file = "../../../examples/waddle-social.yaml"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p, err := platform.Parse(file, text)
	if err != nil {
		t.Fatal(err)
	}
	p = p.WithDefaults()
	p.Spec.Storage.CHAP = chap
	return p
}

// show prints a bundle as one text.
func show(b Bundle) string {
	var s strings.Builder
	for _, f := range b.Manifests {
		fmt.Fprintf(&s, "--- %s secret=%v\n%s", f.Name, f.Secret, f.YAML)
	}
	for _, r := range b.Releases {
		fmt.Fprintf(&s, "--- release %s: %s %s from %s in %s\n%s", r.Name, r.Chart, r.Version, r.Repository, r.Namespace, r.Values)
	}
	return s.String()
}

var mutual = iscsi.CHAP{User: "waddle", Password: iscsi.NewSecret("one-way-secret.1"), MutualUser: "host", MutualPassword: iscsi.NewSecret("mutual_secret.22")}

func TestRendered(t *testing.T) {
	for name, row := range map[string]struct {
		chap platform.CHAP
		o    Options
	}{
		"plain":                 {platform.NoCHAP, Options{}},
		"mutual-with-snapshots": {platform.MutualCHAP, Options{Snapshots: true}},
		"one-way-revealed":      {platform.OneWayCHAP, Options{Secrets: &Secrets{CHAP: iscsi.CHAP{User: mutual.User, Password: mutual.Password}}}},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := Render(example(t, row.chap), row.o)
			if err != nil {
				t.Fatal(err)
			}
			got := []byte(show(b))
			golden := filepath.Join("testdata", name+".golden.yaml")
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("differs from %s; look at it and run with -update:\n%s", golden, got)
			}
		})
	}
}

func TestSecretsAreWhereTheyBelongAndNowhereElse(t *testing.T) {
	pair, err := keys.Ensure(filepath.Join(t.TempDir(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	s := Secrets{ClientKey: pair.ClientPrivate, CHAP: mutual}
	p := example(t, platform.MutualCHAP)
	open, err := Render(p, Options{Secrets: &s})
	if err != nil {
		t.Fatal(err)
	}
	closed, err := Render(p, Options{})
	if err != nil {
		t.Fatal(err)
	}
	hidden := []string{"PRIVATE KEY", mutual.Password.Reveal(), mutual.MutualPassword.Reveal()}
	for _, secret := range hidden {
		if strings.Contains(show(closed), secret) {
			t.Errorf("%s without --reveal", secret)
		}
		for _, r := range open.Releases {
			if bytes.Contains(r.Values, []byte(secret)) {
				t.Errorf("%s in the values of %s", secret, r.Name)
			}
		}
		for _, f := range open.Manifests {
			if bytes.Contains(f.YAML, []byte(secret)) && !f.Secret {
				t.Errorf("%s in %s", secret, f.Name)
			}
		}
	}
	if strings.Contains(fmt.Sprintf("%v %+v %#v", s, s, s), mutual.Password.Reveal()) {
		t.Error("Secrets print themselves")
	}
}

// TestTheKeySurvivesTheYAML reads the key back as the driver does, out of a YAML
// text within a YAML text.
func TestTheKeySurvivesTheYAML(t *testing.T) {
	pair, err := keys.Ensure(filepath.Join(t.TempDir(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := Render(example(t, platform.NoCHAP), Options{Secrets: &Secrets{ClientKey: pair.ClientPrivate}})
	if err != nil {
		t.Fatal(err)
	}
	var secret struct {
		StringData map[string]string `yaml:"stringData"`
	}
	if err := yaml.Unmarshal(b.Manifests[1].YAML, &secret); err != nil {
		t.Fatal(err)
	}
	var config struct {
		SSH struct {
			Key string `yaml:"privateKey"`
		} `yaml:"sshConnection"`
	}
	if err := yaml.Unmarshal([]byte(secret.StringData[configKey]), &config); err != nil {
		t.Fatal(err)
	}
	if config.SSH.Key != pair.ClientPrivate.Reveal() {
		t.Fatalf("%d bytes came back of %d", len(config.SSH.Key), len(pair.ClientPrivate.Reveal()))
	}
}

func TestCHAPThatWouldBreakIsRefused(t *testing.T) {
	for name, row := range map[string]struct {
		kind platform.CHAP
		chap iscsi.CHAP
	}{
		"a dollar and an apostrophe":    {platform.OneWayCHAP, iscsi.CHAP{User: "u", Password: iscsi.NewSecret("longenough-b$ar'q")}},
		"a space in the user":           {platform.OneWayCHAP, iscsi.CHAP{User: "a b", Password: iscsi.NewSecret("longenough-secret")}},
		"a short password":              {platform.OneWayCHAP, iscsi.CHAP{User: "u", Password: iscsi.NewSecret("short-one")}},
		"no password":                   {platform.OneWayCHAP, iscsi.CHAP{User: "u"}},
		"one where none is wanted":      {platform.NoCHAP, iscsi.CHAP{User: "u", Password: iscsi.NewSecret("longenough-secret")}},
		"mutual where one way is":       {platform.OneWayCHAP, mutual},
		"one way where mutual is":       {platform.MutualCHAP, iscsi.CHAP{User: "u", Password: iscsi.NewSecret("longenough-secret")}},
		"the same password both ways":   {platform.MutualCHAP, iscsi.CHAP{User: "u", Password: mutual.Password, MutualUser: "v", MutualPassword: mutual.Password}},
		"a newline in the mutual user":  {platform.MutualCHAP, iscsi.CHAP{User: "u", Password: mutual.Password, MutualUser: "v\nx", MutualPassword: mutual.MutualPassword}},
		"a backtick in the mutual word": {platform.MutualCHAP, iscsi.CHAP{User: "u", Password: mutual.Password, MutualUser: "v", MutualPassword: iscsi.NewSecret("longenough`id`")}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Render(example(t, row.kind), Options{Secrets: &Secrets{CHAP: row.chap}})
			if err == nil || !strings.Contains(err.Error(), "CHAP") {
				t.Fatalf("got %v", err)
			}
			if secret := row.chap.Password.Reveal(); secret != "" && strings.Contains(err.Error(), secret) {
				t.Fatalf("the secret is in %v", err)
			}
		})
	}
}
