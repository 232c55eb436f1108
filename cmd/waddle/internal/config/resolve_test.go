package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhichDaemonIsMeant(t *testing.T) {
	dir := t.TempDir()
	token := filepath.Join(dir, "token")
	if err := os.WriteFile(token, []byte("waddle_file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := &File{Current: "a", Contexts: map[string]Context{
		"a": {Server: "https://a:7443", Token: "waddle_a", CAFile: "a.pem"},
		"b": {Server: "https://b:7443", TokenFile: token},
		"u": {Server: "unix:///run/u.sock", TokenFile: "/nowhere"},
	}}
	for name, c := range map[string]struct {
		file  *File
		flags Flags
		env   map[string]string
		want  Target
		err   string
	}{
		"nothing said means the daemon on this host": {&File{}, Flags{}, nil, Target{Server: DefaultServer}, ""},
		"the current context comes before the default": {file, Flags{}, nil,
			Target{Context: "a", Server: "https://a:7443", Token: "waddle_a", CAFile: "a.pem"}, ""},
		"the environment comes before the current context": {file, Flags{}, map[string]string{"WADDLE_CONTEXT": "b"},
			Target{Context: "b", Server: "https://b:7443", TokenFile: token}, ""},
		"a flag comes before the environment": {file, Flags{Context: "a"}, map[string]string{"WADDLE_CONTEXT": "b"},
			Target{Context: "a", Server: "https://a:7443", Token: "waddle_a", CAFile: "a.pem"}, ""},
		"a server without a context takes no token of the current one": {file, Flags{Server: "https://c:7443"}, nil,
			Target{Server: "https://c:7443"}, ""},
		"a server beside a named context takes no token of that one": {file, Flags{Server: "https://c:7443", Context: "a"}, nil,
			Target{Context: "a", Server: "https://c:7443", CAFile: "a.pem"}, ""},
		"the context's own server may be named again": {file, Flags{Server: "https://a:7443", Context: "a"}, nil,
			Target{Context: "a", Server: "https://a:7443", Token: "waddle_a", CAFile: "a.pem"}, ""},
		"a token file of a flag comes before the context's token": {file, Flags{TokenFile: token}, nil,
			Target{Context: "a", Server: "https://a:7443", TokenFile: token, CAFile: "a.pem"}, ""},
		"a token file comes before a token in the environment": {&File{}, Flags{Server: "https://c"}, map[string]string{"WADDLE_TOKEN": "waddle_env", "WADDLE_TOKEN_FILE": token},
			Target{Server: "https://c", TokenFile: token}, ""},
		"a token in the environment is taken": {&File{}, Flags{Server: "https://c"}, map[string]string{"WADDLE_TOKEN": "waddle_env"},
			Target{Server: "https://c", Token: "waddle_env"}, ""},
		"a CA in the environment is taken": {&File{}, Flags{Server: "https://c"}, map[string]string{"WADDLE_CA": "c.pem"},
			Target{Server: "https://c", CAFile: "c.pem"}, ""},
		"a unix socket needs no token, so none is read": {file, Flags{Context: "u"}, map[string]string{"WADDLE_TOKEN": "waddle_env"},
			Target{Context: "u", Server: "unix:///run/u.sock"}, ""},
		"a context that is not there is named":      {file, Flags{Context: "x"}, nil, Target{}, `there is no context "x": known are a, b, u`},
		"a token file that is not there is named":   {&File{}, Flags{Server: "https://c", TokenFile: "/nowhere"}, nil, Target{}, "there is no file /nowhere"},
		"a token is not sent in the clear":          {&File{}, Flags{Server: "http://c"}, nil, Target{}, "in the clear"},
		"a path is no server":                       {&File{}, Flags{Server: "/run/waddle/waddled.sock"}, nil, Target{}, "is not understood"},
		"a socket's path is absolute":               {&File{}, Flags{Server: "unix://run/s"}, nil, Target{}, "is not understood"},
		"a server with a path behind it is refused": {&File{}, Flags{Server: "https://c/api"}, nil, Target{}, "is not understood"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Resolve(c.file, c.flags, func(k string) string { return c.env[k] })
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("got error %v, want one with %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("target differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestATokenFileHoldsOneToken(t *testing.T) {
	for name, text := range map[string]string{"nothing": " \n", "two": "waddle_a\nwaddle_b\n"} {
		path := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Resolve(&File{}, Flags{Server: "https://c", TokenFile: path}, func(string) string { return "" })
		if err == nil || strings.Contains(err.Error(), "waddle_") {
			t.Errorf("%s in it: got error %v, want one without the text", name, err)
		}
	}
}
