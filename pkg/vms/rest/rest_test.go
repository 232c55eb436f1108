package rest_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waddle-social/waddle/pkg/vms/rest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "waddle@pve!daemon-1=01234567-89ab-cdef-0123-456789abcdef"

// node serves one handler over TLS, and makes a client that trusts it.
func node(t *testing.T, h http.HandlerFunc) (*rest.Client, *rest.Options) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	o := &rest.Options{URL: s.URL, ServerName: "example.com", CAFile: ca, Token: func() (string, error) { return token, nil }, Every: time.Millisecond}
	c := rest.New(*o)
	t.Cleanup(c.Close)
	return c, o
}

func answer(rw http.ResponseWriter, data any) {
	_ = json.NewEncoder(rw).Encode(map[string]any{"data": data})
}

func TestARequestCarriesTheTokenAndItsParameters(t *testing.T) {
	c, _ := node(t, func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		answer(rw, fmt.Sprint(r.Method, " ", r.URL.Path, " ", r.URL.RawQuery, " ", string(body), " ", r.Header.Get("Authorization")))
	})
	for method, want := range map[string]string{
		"GET": "GET /x a=b+c  ", "DELETE": "DELETE /x a=b+c  ", "POST": `POST /x  {"a":"b c"} `, "PUT": `PUT /x  {"a":"b c"} `,
	} {
		var got string
		if err := c.Do(t.Context(), method, "/x", url.Values{"a": {"b c"}}, &got); err != nil || got != want+"PVEAPIToken="+token {
			t.Errorf("%q %v", got, err)
		}
	}
	// Numbers stay numbers: 1e+06 is none for Proxmox.
	for method, want := range map[string]string{"DELETE": "DELETE /x a=1000000&b=c&b=d  ", "PUT": `PUT /x  {"a":1000000,"b":["c","d"]} `} {
		var got string
		if err := c.Call(t.Context(), method, "/x", map[string]any{"a": 1000000, "b": []string{"c", "d"}}, &got); err != nil || got != want+"PVEAPIToken="+token {
			t.Errorf("%q %v", got, err)
		}
	}
}

func TestARefusalKeepsProxmoxsWords(t *testing.T) {
	c, _ := node(t, func(rw http.ResponseWriter, r *http.Request) {
		rw.WriteHeader(map[string]int{"/param": 400, "/perm": 403, "/die": 500}[r.URL.Path])
		_, _ = io.WriteString(rw, map[string]string{
			"/param": `{"data":null,"message":"Parameter verification failed.\n","errors":{"vmid":"too small\n","name":"no DNS name\n"}}`,
			"/perm":  `{"data":null,"message":"Permission check failed (/vms/1, VM.Audit)\n"}`, "/die": "",
		}[r.URL.Path])
	})
	for path, want := range map[string]string{
		"/param": "Proxmox refuses GET /param (400): Parameter verification failed. name: no DNS name. vmid: too small.",
		"/perm":  "Proxmox refuses GET /perm (403): Permission check failed (/vms/1, VM.Audit)",
		"/die":   "Proxmox refuses GET /die (500): Internal Server Error",
	} {
		var refused *rest.Error
		if err := c.Do(t.Context(), "GET", path, nil, nil); !errors.As(err, &refused) || err.Error() != want {
			t.Errorf("%v", err)
		}
	}
}

func TestNothingIsSentToANodeThatIsNotTrusted(t *testing.T) {
	_, o := node(t, func(rw http.ResponseWriter, r *http.Request) { t.Error("it was asked"); answer(rw, nil) })
	other := filepath.Join(t.TempDir(), "other.pem")
	if err := os.WriteFile(other, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*rest.Options){
		"another name":   func(o *rest.Options) { o.ServerName = "pve" },
		"no such file":   func(o *rest.Options) { o.CAFile += ".not" },
		"no certificate": func(o *rest.Options) { o.CAFile = other },
	} {
		with := *o
		change(&with)
		c := rest.New(with)
		var trust *rest.TrustError
		if err := c.Do(t.Context(), "GET", "/x", nil, nil); !errors.As(err, &trust) || strings.Contains(err.Error(), "0123") {
			t.Errorf("%s: %v", name, err)
		}
		c.Close()
	}
}

func TestATaskThatEndedIsNotATaskThatSucceeded(t *testing.T) {
	const upid = "UPID:pve:00000001:00000002:65000000:download:x:waddle@pve!daemon-1:"
	looks := 0
	exit := ""
	c, _ := node(t, func(rw http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/log"):
			answer(rw, []map[string]any{{"n": 1, "t": "one"}, {"n": 2, "t": "wget: 42%"}})
		case looks == 0:
			looks++
			answer(rw, map[string]any{"status": "running"})
		default:
			answer(rw, map[string]any{"status": "stopped", "exitstatus": exit})
		}
	})
	for exitWith, want := range map[string]string{
		"OK": "", "WARNINGS: 1": "",
		"unable to open":    "Proxmox's task " + upid + " failed: unable to open (its log: one; wget: 42%)",
		"unexpected status": "Proxmox's task " + upid + " failed: unexpected status (its log: one; wget: 42%)",
	} {
		looks, exit = 0, exitWith
		var seen []string
		err := c.Task(t.Context(), upid, func(line string) { seen = append(seen, line) })
		if (want == "") != (err == nil) || err != nil && err.Error() != want {
			t.Errorf("%s: %v", exitWith, err)
		}
		if strings.Join(seen, "") != "wget: 42%" {
			t.Errorf("watched: %q", seen)
		}
	}
	if err := c.Task(t.Context(), "nonsense", nil); err == nil {
		t.Error("nonsense was followed")
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	looks = 0
	if err := c.Task(ctx, upid, nil); err == nil {
		t.Error("it waits for ever")
	}
}

func TestATokenFileThatOthersMayReadIsRefusedAndItsContentNeverShown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	write := func(content string, mode os.FileMode) {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	read := rest.TokenFile(path)
	if _, err := read(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
	write(token+"\n", 0o600)
	if got, err := read(); err != nil || got != token || rest.TokenID(got) != "waddle@pve!daemon-1" {
		t.Errorf("%q %v", got, err)
	}
	write(token, 0o640)
	if _, err := read(); !errors.Is(err, rest.ErrTokenMode) {
		t.Errorf("%v", err)
	}
	for _, content := range []string{"", "secret-nonsense", token + "\n" + token, "waddle@pve=01234567-89ab-cdef-0123-456789abcdef"} {
		write(content, 0o600)
		_, err := read()
		if err == nil || strings.Contains(err.Error(), "nonsense") || strings.Contains(err.Error(), "0123") {
			t.Errorf("%q: %v", content, err)
		}
	}
}
