package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"sort"
	"strings"
)

// DefaultServer is the daemon on this host.
const DefaultServer = "unix:///run/waddle/waddled.sock"

// Flags are what the command line says; empty means not given.
type Flags struct {
	Server, Context, TokenFile, CAFile string
}

// Target is a daemon and how to reach it.
type Target struct {
	Context   string // the context's name; empty when none was used
	Server    string
	Token     string // never printed; empty when TokenFile has it, and on a unix socket
	TokenFile string
	CAFile    string
}

// Resolve says which daemon is meant. Each setting comes from the first of
// flags, environment, context and default that has it. A server that a flag or
// the environment names takes nothing from a context that was not named as well:
// a token must not travel to another server by accident.
func Resolve(f *File, flags Flags, getenv func(string) string) (Target, error) {
	chosen := first(flags.Context, getenv("WADDLE_CONTEXT"))
	server := first(flags.Server, getenv("WADDLE_SERVER"))
	if chosen == "" && server == "" {
		chosen = f.Current
	}
	var c Context
	if chosen != "" {
		var ok bool
		if c, ok = f.Contexts[chosen]; !ok {
			return Target{}, fmt.Errorf("there is no context %q: %s", chosen, f.known())
		}
	}
	t := Target{Context: chosen, Server: first(server, c.Server, DefaultServer)}
	if err := CheckServer(t.Server); err != nil {
		return Target{}, err
	}
	if server != "" && server != c.Server {
		c.Token, c.TokenFile = "", "" // another server than the one the token is for
	}
	t.CAFile = first(flags.CAFile, getenv("WADDLE_CA"), c.CAFile)
	if strings.HasPrefix(t.Server, "unix:") {
		return t, nil // the socket knows who calls: no token is read or sent
	}
	t.TokenFile = first(flags.TokenFile, getenv("WADDLE_TOKEN_FILE"))
	if t.TokenFile == "" {
		t.Token = getenv("WADDLE_TOKEN")
	}
	if t.TokenFile == "" && t.Token == "" {
		t.TokenFile, t.Token = c.TokenFile, c.Token
	}
	return t, checkToken(t.TokenFile)
}

// checkToken reports what is wrong with a token file. The client reads it again
// at each call, so that a renewed token is taken up.
func checkToken(path string) error {
	if path == "" {
		return nil
	}
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot read the token: there is no file %s", path)
	}
	if err != nil {
		return fmt.Errorf("cannot read the token: %w", err)
	}
	if len(strings.Fields(string(raw))) != 1 {
		return fmt.Errorf("cannot read the token: %s must hold one token and nothing else", path)
	}
	return nil
}

// CheckServer reports what is wrong with the address of a server.
func CheckServer(server string) error {
	u, err := url.Parse(server)
	switch {
	case err != nil:
		return fmt.Errorf("server %q is no URL: write unix:///path/to/socket or https://host:port", server)
	case u.Scheme == "unix" && u.Host == "" && strings.HasPrefix(u.Path, "/"):
		return nil
	case u.Scheme == "https" && u.Host != "" && (u.Path == "" || u.Path == "/"):
		return nil
	case u.Scheme == "http":
		return fmt.Errorf("server %q would send the token in the clear: write https://host:port or unix:///path/to/socket", server)
	}
	return fmt.Errorf("server %q is not understood: write unix:///path/to/socket or https://host:port", server)
}

func (f *File) known() string {
	if len(f.Contexts) == 0 {
		return "none is set up, see waddle context set --help"
	}
	names := f.Names()
	return "known are " + strings.Join(names, ", ")
}

// Names returns the contexts' names, sorted.
func (f *File) Names() []string {
	names := make([]string, 0, len(f.Contexts))
	for n := range f.Contexts {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
