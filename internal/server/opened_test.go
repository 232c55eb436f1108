package server

import (
	"context"
	"crypto/tls"
	"net"
	"testing"
	"time"

	"github.com/waddle-social/waddle/pkg/netfw/confirm"
)

// The kernel opens a connection without the program, which may accept it when
// other rules are loaded than those that let it in.
func TestAConnectionIsAsOldAsItsHandshakeAndNotAsItsAccept(t *testing.T) {
	l, err := net.Listen("tcp", "[::]:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	before := confirm.Boottime()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	opened := confirm.Boottime()
	if _, err := client.Write([]byte("what comes in meanwhile does not make it younger")); err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond) // the rules change here
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for name, c := range map[string]net.Conn{"TCP": conn, "TLS": tls.Server(conn, &tls.Config{})} {
		at := openedAt(ConnContext(context.Background(), c))
		if at > opened {
			t.Errorf("%s: accepted late, it counts as opened %s after it was", name, at-opened)
		}
		if at < before-time.Second {
			t.Errorf("%s: it counts as opened %s before it was", name, before-at)
		}
	}
}

// A script that sets a profile and confirms it in the same breath is not refused.
func TestAConnectionOpenedRightAfterTheAnswerIsYoungerThanTheRules(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for range 20 {
		loaded := confirm.Boottime()
		letAge()
		client, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		at := openedOf(conn)
		_, _ = client.Close(), conn.Close()
		if at <= loaded {
			t.Fatalf("it counts as opened %s before the rules were loaded", loaded-at)
		}
	}
}

func TestAConnectionOfUnknownAgeProvesNothing(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if at := openedAt(ConnContext(context.Background(), a)); at != 0 {
		t.Errorf("it counts as opened at %s", at)
	}
}
