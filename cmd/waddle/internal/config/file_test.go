package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatIsSavedIsLoadedAndNobodyElseMayReadIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "waddle", "config.yaml")
	want := &File{Current: "a", Contexts: map[string]Context{"a": {Server: "https://a:7443", Token: "waddle_a"}}}
	if err := want.Save(path); err != nil {
		t.Fatal(err)
	}
	for file, mode := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != mode {
			t.Errorf("%s has mode %04o, want %04o", file, info.Mode().Perm(), mode)
		}
	}
	got, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the file differs (-saved +loaded):\n%s", diff)
	}
}

func TestATokenThatOthersMayReadIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte("contexts: {a: {server: https://a, token: waddle_secret}}\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	_, err := Load(path)
	if err == nil || !strings.Contains(err.Error(), "chmod 600") || strings.Contains(err.Error(), "waddle_secret") {
		t.Errorf("got error %v, want one that says chmod 600 and not the token", err)
	}
}

func TestErrorsInTheFileDoNotShowIt(t *testing.T) {
	for name, text := range map[string]string{
		"an unknown key":  "contexts: {a: {server: https://a, token: waddle_secret, tokn: waddle_secret}}\n",
		"no YAML":         "contexts: {a: {token: waddle_secret\n",
		"a list of words": "- waddle_secret\n",
	} {
		path := filepath.Join(t.TempDir(), "config.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(path)
		if err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got error %v, want one that names the file", name, err)
		} else if strings.Contains(err.Error(), "waddle_secret") {
			t.Errorf("%s: the error shows the token: %v", name, err)
		}
	}
}

func TestWhereTheFileIs(t *testing.T) {
	for name, c := range map[string]struct {
		env  map[string]string
		want string
	}{
		"WADDLE_CONFIG names it":               {map[string]string{"WADDLE_CONFIG": "/c", "HOME": "/h"}, "/c"},
		"the user's configuration folder":      {map[string]string{"XDG_CONFIG_HOME": "/x", "HOME": "/h"}, "/x/waddle/config.yaml"},
		"the home folder's when there is none": {map[string]string{"HOME": "/h"}, "/h/.config/waddle/config.yaml"},
	} {
		if got, err := Path(func(k string) string { return c.env[k] }); err != nil || got != c.want {
			t.Errorf("%s: got %q, %v; want %q", name, got, err, c.want)
		}
	}
	if _, err := Path(func(string) string { return "" }); err == nil {
		t.Error("without a home there is no place and no error")
	}
}
