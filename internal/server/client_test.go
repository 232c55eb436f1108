package server

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	waddle "github.com/waddle-social/waddle/client"
)

// The client package against the real server, over both ways in.
func TestTheClientReachesTheServer(t *testing.T) {
	w := newWorld(t).withPlatform()
	secret, _ := w.token("ci", "operate")
	file := filepath.Join(w.dir, "token")
	w.must(os.WriteFile(file, []byte(secret), 0o600))
	tls := "https://" + w.tls.String()
	for name, o := range map[string]waddle.Options{
		"the unix socket":       {Server: "unix://" + w.socket()},
		"TLS with the CA":       {Server: tls, TokenFile: file, CAFile: w.server.certs.CAFile()},
		"TLS with the CA's sum": {Server: tls, Token: secret, CAFingerprint: strings.ToUpper(w.server.certs.Fingerprint())},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := waddle.New(o)
			w.must(err)
			defer c.Close()
			through := 1
			started, err := c.PostApplyWithResponse(context.Background(), nil, waddle.ApplyRequest{Through: &through})
			w.must(err)
			op := started.JSON202
			if op == nil {
				op = started.JSON200
			}
			var last waddle.Event
			for e, err := range c.OperationEvents(context.Background(), op.ID) {
				w.must(err)
				last = e
			}
			if last.Type != "operation" || last.State != "done" {
				t.Errorf("the last event is %+v", last)
			}
			ended, err := c.Wait(context.Background(), op.ID)
			w.must(err)
			if ended.State != waddle.OperationStateDone || len(ended.Steps) != 2 {
				t.Errorf("the operation is %+v", ended)
			}
			platform, err := c.GetPlatformWithResponse(context.Background(), waddle.AcceptJSON)
			w.must(err)
			if (*platform.JSON200)["kind"] != "Platform" || platform.Headers200.ETag == "" {
				t.Errorf("the document is %s", platform.Body)
			}
			_, err = c.GetOperationWithResponse(context.Background(), "nothing")
			if p, ok := waddle.AsProblem(err); !ok || p.Code != "not_found" || p.Hint == "" {
				t.Errorf("an unknown operation: %v", err)
			}
		})
	}
	_, err := waddle.New(waddle.Options{Server: tls, CAFingerprint: strings.Repeat("0", 63)})
	if err == nil {
		t.Error("a fingerprint that is none was accepted")
	}
}
