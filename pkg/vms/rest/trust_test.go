package rest_test

import (
	"crypto/sha256"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/waddle-social/waddle/pkg/vms/rest"
)

func TestAPinStandsForTheCAAndAnotherCertificateIsSentNothing(t *testing.T) {
	var asked atomic.Int32
	_, o := node(t, func(rw http.ResponseWriter, _ *http.Request) { asked.Add(1); answer(rw, nil) })
	raw, err := os.ReadFile(o.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(raw)
	right := strings.ToUpper(strings.ReplaceAll(fmt.Sprintf("% x", sha256.Sum256(block.Bytes)), " ", ":"))
	for text, trusted := range map[string]bool{right: true, strings.ReplaceAll(right, ":", ""): true, strings.Repeat("AB", 32): false} {
		with := *o
		with.CAFile, with.ServerName = "/nowhere", "another"
		if with.Pin, err = rest.ParsePin(text); err != nil {
			t.Fatal(err)
		}
		c := rest.New(with)
		before := asked.Load()
		err := c.Do(t.Context(), "GET", "/x", nil, nil)
		if trusted && (err != nil || asked.Load() == before) {
			t.Errorf("%s: %v", text, err)
		}
		var trust *rest.TrustError
		if !trusted && (!errors.As(err, &trust) || asked.Load() != before || !strings.Contains(err.Error(), strings.ToLower(strings.ReplaceAll(right, ":", "")))) {
			t.Errorf("%s: %v", text, err)
		}
		c.Close()
	}
	for _, text := range []string{"", "AB", strings.Repeat("XY", 32), right + ":00"} {
		if pin, err := rest.ParsePin(text); err == nil {
			t.Errorf("%q is a pin: %x", text, pin)
		}
	}
}

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
