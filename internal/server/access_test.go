package server

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waddle-social/waddle/internal/server/contract"
	"github.com/waddle-social/waddle/internal/server/listen"
	"github.com/waddle-social/waddle/internal/server/token"
)

func TestEveryOperationDeclaresAScope(t *testing.T) {
	c, err := contract.Load()
	if err != nil {
		t.Fatal(err)
	}
	open := []string{"getHealth"} // with security: [], explicitly
	for _, op := range c.Operations() {
		switch {
		case op.Err != nil:
			t.Errorf("%s %s: %v", op.Method, op.Path, op.Err)
		case op.Scope == "" != slices.Contains(open, op.ID):
			t.Errorf("%s has the scope %q", op.ID, op.Scope)
		case op.Scope == "" && op.Method != http.MethodGet:
			t.Errorf("%s changes something and is open to everybody", op.ID)
		case op.Scope == "read" && op.Method != http.MethodGet && op.ID != "postPlatformValidate":
			t.Errorf("%s changes something and needs only read", op.ID)
		case op.Scope != "" && !token.Covers([]token.Scope{token.Admin}, token.Scope(op.Scope)):
			t.Errorf("%s needs the scope %q, which nobody can have", op.ID, op.Scope)
		}
	}
}

func TestAnOperationWithoutAScopeIsAMistakeAndNoOpenDoor(t *testing.T) {
	const doc = `{"openapi":"3.0.3","info":{"title":"t","version":"1"},"paths":{"/x":{"get":{"operationId":"x","responses":{"200":{"description":"d"}}}}}}`
	c, err := contract.Parse([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	if op := c.Operations()[0]; op.Err == nil {
		t.Error("the missing security was not seen")
	}
	r, _ := http.NewRequest("GET", "http://h/x", nil)
	if _, err := c.Find(r); err == nil {
		t.Error("the operation can be called")
	}
}

func TestWhoMayUseTheUnixSocket(t *testing.T) {
	w := newWorld(t)
	group := gidOf(t, socketGroup)
	for _, c := range []struct {
		name     string
		uid, gid int
		groups   []int
		status   int // 0: the kernel lets nobody connect
	}{
		{"root may", 0, 0, nil, 200},
		{"root with another group may", 0, 65534, nil, 200},
		{"a user whose primary group it is may", 65534, group, nil, 200},
		{"the user that /etc/passwd puts into the group may, with any process group", userOf(t, socketGroup), 65534, []int{group}, 200},
		{"a process that was given the group but whose user is not in it may not", 65534, 65534, []int{group}, 403},
		{"anybody else cannot even connect", 65534, 65534, nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := w.as(c.uid, c.gid, c.groups...).try("GET", "/v1/version", "")
			if c.status == 0 {
				if err == nil || !strings.Contains(err.Error(), "permission denied") {
					t.Fatalf("got %v, want permission denied", err)
				}
				return
			}
			w.must(err)
			r.want(c.status)
			if c.status == 403 && !strings.Contains(r.problem(403, "forbidden").Hint, "usermod -aG "+socketGroup) {
				t.Errorf("the hint does not say how to join the group: %s", r.body)
			}
		})
	}
}

// userOf is a user whose primary group has the same name, as Debian has it.
func userOf(t *testing.T, name string) int { t.Helper(); return gidOf(t, name) }

func TestWithoutTheGroupOnlyRootMayUseTheUnixSocket(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Group = "no-such-group" })
	w.root().do("GET", "/v1/version", "").want(200)
	if _, err := w.as(65534, gidOf(t, socketGroup)).try("GET", "/v1/version", ""); err == nil {
		t.Error("another user may connect")
	}
}

func TestWhatTokensMayDo(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Limits.FailedAuthentications = 100 })
	read, _ := w.token("r", "read")
	operate, _ := w.token("o", "operate")
	admin, _ := w.token("a", "admin")
	both, _ := w.token("b", "read", "operate")
	_, revokedID := w.token("gone", "admin")
	revoked, id := w.token("dead", "admin")
	w.root().do("DELETE", "/v1/tokens/"+revokedID, "").want(204)
	w.root().do("DELETE", "/v1/tokens/"+id, "").want(204)
	for _, c := range []struct {
		name, secret                   string
		reading, operating, handingOut int
	}{
		{"no token", "", 401, 401, 401},
		{"something that is no token", "secret", 401, 401, 401},
		{"a token that nobody made", "waddle_" + strings.Repeat("A", 43), 401, 401, 401},
		{"a revoked token", revoked, 401, 401, 401},
		{"read looks", read, 200, 403, 403},
		{"operate looks and changes", operate, 200, 404, 403},
		{"read and operate are operate", both, 200, 404, 403},
		{"admin may do everything", admin, 200, 404, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			caller := w.with(c.secret)
			caller.do("GET", "/v1/status", "").want(c.reading)
			caller.do("POST", "/v1/apply", "{}").want(c.operating) // 404: let in, and there is no platform yet
			caller.do("GET", "/v1/tokens", "").want(c.handingOut)
			caller.do("GET", "/healthz", "").want(200)
		})
	}
	w.neverLogged("waddle_", "Bearer", "Authorization")
}

func TestATokenOverTheUnixSocketAddsAndTakesNothing(t *testing.T) {
	w := newWorld(t)
	w.root().do("GET", "/v1/tokens", "", "Authorization: Bearer waddle_wrong").want(200)
	secret, _ := w.token("a", "admin")
	w.as(65534, 65534, gidOf(t, socketGroup)).do("GET", "/v1/version", "", "Authorization: Bearer "+secret).problem(403, "forbidden")
}

func TestThePeerHeadersOfOthersAreNoIdentity(t *testing.T) {
	w := newWorld(t)
	w.with("").do("GET", "/v1/version", "", "X-Forwarded-For: 127.0.0.1", "X-Remote-User: root").problem(401, "unauthenticated")
}

func TestARevokedTokensStreamEndsAtOnce(t *testing.T) {
	w := newWorld(t)
	secret, id := w.token("watcher", "read")
	resp, err := w.with(secret).send(context.Background(), "GET", "/v1/events", "")
	w.must(err)
	defer resp.Body.Close()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		buf := make([]byte, 256)
		for {
			if _, err := resp.Body.Read(buf); err != nil {
				return
			}
		}
	}()
	select {
	case <-ended:
		t.Fatal("the stream ended before the token was revoked")
	case <-time.After(100 * time.Millisecond):
	}
	w.root().do("DELETE", "/v1/tokens/"+id, "").want(204)
	select {
	case <-ended:
	case <-time.After(clientPatience / 2): // the client would end it too
		t.Fatal("the stream goes on after the token was revoked")
	}
}

func TestAValidTokenIsLetInFromAnAddressThatFailedTooOften(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Limits.FailedAuthentications = 3 })
	secret, _ := w.token("ci", "read")
	statuses := map[int]int{}
	for range 10 {
		statuses[w.with("waddle_wrong").do("GET", "/v1/version", "").status]++
	}
	if statuses[401] != 3 || statuses[429] != 7 {
		t.Errorf("got %v, want three times 401 and seven times 429", statuses)
	}
	w.with(secret).do("GET", "/v1/version", "").want(200)
}

func TestOldTLSIsNotSpoken(t *testing.T) {
	w := newWorld(t)
	c := w.with("")
	c.http.Transport = oldTLS(w)
	if _, err := c.try("GET", "/healthz", ""); err == nil || !strings.Contains(err.Error(), "protocol version") {
		t.Errorf("TLS 1.2 was answered with %v", err)
	}
}

func TestAPeerIsInTheGroupsOfItsUser(t *testing.T) {
	if !(listen.Peer{UID: 0, GID: 12345}).InGroup("root") {
		t.Error("root is not in the group root, which /etc/passwd says")
	}
	if (listen.Peer{UID: 65534, GID: 65534}).InGroup("root") {
		t.Error("nobody is in the group root")
	}
}
