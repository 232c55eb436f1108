package rest_test

import (
	"errors"
	"net"
	"net/http"
	"os"
	"testing"

	"github.com/waddle-social/waddle/pkg/vms/rest"
)

func TestTheCAIsReadAtEachNewConnection(t *testing.T) {
	c, o := node(t, func(rw http.ResponseWriter, r *http.Request) { rw.Header().Set("Connection", "close"); answer(rw, nil) })
	good, err := os.ReadFile(o.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, content := range []string{string(good), "", string(good)} {
		if err := os.WriteFile(o.CAFile, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := c.Do(t.Context(), "GET", "/x", nil, nil); (err == nil) != (content != "") || err != nil && !errors.Is(err, rest.ErrNoCA) {
			t.Errorf("%d bytes: %v", len(content), err)
		}
	}
}

func TestAHandshakeThatIsCutIsNoQuestionOfTrust(t *testing.T) {
	_, o := node(t, nil)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	defer func() { _ = ln.Close(); <-done }()
	o.URL = "https://" + ln.Addr().String()
	c := rest.New(*o)
	defer c.Close()
	var none *rest.AskError
	if err := c.Do(t.Context(), "GET", "/x", nil, nil); !errors.As(err, &none) || errors.As(err, new(*rest.TrustError)) {
		t.Errorf("%v", err)
	}
	if err := c.Reach(t.Context()); err == nil || errors.As(err, new(*rest.TrustError)) {
		t.Errorf("%v", err)
	}
}
