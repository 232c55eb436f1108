package lio_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waddle-social/waddle/internal/lab/lio"
	"github.com/waddle-social/waddle/pkg/iscsi"
)

const (
	portal = "10.10.0.1:3260"
	talos  = "iqn.2004-10.com.talos:cp1"
)

var from = netip.MustParseAddr("10.10.0.10")

func TestADynamicSessionIsShownAndKeepsItsTarget(t *testing.T) {
	ctx := context.Background()
	l := newLab(t, 2, lio.Options{})
	c := l.client(t)
	a := l.target(t, c, "a", 0)
	if _, err := c.Ensure(ctx, a); err != nil {
		t.Fatal(err)
	}
	if err := l.Login(a.IQN.String(), portal, talos, from, lio.Credentials{}); err != nil {
		t.Fatal(err)
	}
	s, err := c.Sessions(ctx, a.IQN)
	if err != nil || len(s) != 1 || s[0].Initiator != talos || !s[0].Dynamic {
		t.Fatalf("%+v, %v", s, err)
	}
	err = c.Delete(ctx, a.IQN, false)
	if !errors.Is(err, iscsi.ErrInUse) || !strings.Contains(err.Error(), talos+" is logged in") {
		t.Fatalf("got %v", err)
	}
	moved := l.target(t, c, "a", 1)
	before := l.String()
	if _, err := c.Ensure(ctx, moved); !errors.Is(err, iscsi.ErrInUse) {
		t.Fatalf("a LUN was taken from an initiator: %v", err)
	}
	if l.String() != before {
		t.Fatal("a refused repair changed something")
	}
	if err := c.Delete(ctx, a.IQN, true); err != nil {
		t.Fatal(err)
	}
}

func TestARepairThatTouchesNoLUNLeavesSessionsAlone(t *testing.T) {
	ctx := context.Background()
	l := newLab(t, 1, lio.Options{})
	c := l.client(t)
	a := l.target(t, c, "a", 0)
	if _, err := c.Ensure(ctx, a); err != nil {
		t.Fatal(err)
	}
	if err := l.Login(a.IQN.String(), portal, talos, from, lio.Credentials{}); err != nil {
		t.Fatal(err)
	}
	np := "/sys/kernel/config/target/iscsi/" + a.IQN.String() + "/tpgt_1/np/" + portal
	if err := l.Rmdir(np); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Ensure(ctx, a); err != nil {
		t.Fatal(err)
	}
	if s, err := c.Sessions(ctx, a.IQN); err != nil || len(s) != 1 {
		t.Fatalf("%+v, %v", s, err)
	}
}

func TestASessionWithAnACLIsShownWithItsAddress(t *testing.T) {
	ctx := context.Background()
	l := newLab(t, 2, lio.Options{})
	c := l.client(t)
	r := l.rich(t, c)
	if _, err := c.Ensure(ctx, r); err != nil {
		t.Fatal(err)
	}
	const host = "iqn.2004-10.com.example:host"
	for want, cred := range map[string]lio.Credentials{"authentication failed": {User: "u", Password: "wrong"}} {
		if err := l.Login(r.IQN.String(), portal, host, from, cred); err == nil || !strings.Contains(err.Error(), want) {
			t.Fatalf("got %v", err)
		}
	}
	if err := l.Login(r.IQN.String(), portal, talos, from, lio.Credentials{}); err == nil {
		t.Fatal("an initiator without an ACL came in")
	}
	if err := l.Login(r.IQN.String(), portal, host, from, lio.Credentials{User: "u", Password: "one-way-secret"}); err != nil {
		t.Fatal(err)
	}
	s, err := c.Sessions(ctx, r.IQN)
	if err != nil || len(s) != 1 {
		t.Fatalf("%+v, %v", s, err)
	}
	if got := fmt.Sprintf("%+v", s[0]); got != "{Initiator:"+host+" Alias:lab State:LOGGED_IN Dynamic:false Connections:[{State:LOGGED_IN Address:10.10.0.10}]}" {
		t.Fatal(got)
	}
	st, err := c.Statistics(ctx, r.IQN)
	if err != nil || st.Logins != 1 || st.AuthenticationFails != 1 || len(st.LUNs) != 2 {
		t.Fatalf("%+v, %v", st, err)
	}
	without := r
	without.ACLs = []iscsi.ACL{{Initiator: mustIQN(t, talos), CHAP: iscsi.CHAP{User: "x", Password: iscsi.NewSecret("another-secret")}}}
	if _, err := c.Ensure(ctx, without); !errors.Is(err, iscsi.ErrInUse) {
		t.Fatalf("the ACL of a session was removed: %v", err)
	}
	l.Logout(r.IQN.String(), host)
	if _, err := c.Ensure(ctx, without); err != nil {
		t.Fatal(err)
	}
}

func TestAKernelThatDoesNotReturnIsReportedAndOthersGoOn(t *testing.T) {
	ctx := context.Background()
	l := newLab(t, 2, lio.Options{})
	c := l.client(t, func(o *iscsi.Options) { o.Watchdog = time.Second })
	a, b := l.target(t, c, "a", 0), l.target(t, c, "b", 1)
	if _, err := c.Ensure(ctx, a); err != nil {
		t.Fatal(err)
	}
	if err := l.Login(a.IQN.String(), portal, talos, from, lio.Credentials{}); err != nil {
		t.Fatal(err)
	}
	release := l.Hang(func(op, path string) bool {
		return op == "write" && strings.HasSuffix(path, a.IQN.String()+"/tpgt_1/enable")
	})
	err := c.Delete(ctx, a.IQN, true)
	if !errors.Is(err, iscsi.ErrStuck) || !strings.Contains(err.Error(), "cannot disable portal group of target "+a.IQN.String()) || !strings.Contains(err.Error(), "no answer within 1s") {
		t.Fatalf("got %v", err)
	}
	if _, err := c.Ensure(ctx, a); !errors.Is(err, iscsi.ErrStuck) {
		t.Fatalf("a stuck target was touched again: %v", err)
	}
	if _, err := c.Ensure(ctx, b); err != nil {
		t.Fatalf("another target waits for the stuck one: %v", err)
	}
	if _, err := c.List(ctx); err != nil {
		t.Fatal(err)
	}
	release()
	deadline := time.Now().Add(time.Minute)
	for err = c.Delete(ctx, a.IQN, true); errors.Is(err, iscsi.ErrStuck) && time.Now().Before(deadline); err = c.Delete(ctx, a.IQN, true) {
		time.Sleep(time.Millisecond)
	}
	if err != nil {
		t.Fatalf("not usable after the kernel returned: %v", err)
	}
}

func TestWhoWaitsForTheLockGivesUpWithItsContext(t *testing.T) {
	l := newLab(t, 2, lio.Options{})
	c := l.client(t)
	a, b := l.target(t, c, "a", 0), l.target(t, c, "b", 1)
	reached := make(chan bool, 1)
	release := l.Hang(func(op, path string) bool {
		hit := op == "mkdir" && strings.HasSuffix(path, ":a")
		if hit {
			select {
			case reached <- true:
			default:
			}
		}
		return hit
	})
	done := make(chan error)
	go func() { _, err := c.Ensure(context.Background(), a); done <- err }()
	<-reached
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, err := c.Ensure(ctx, b); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	if _, err := c.Look(context.Background(), b); err != nil {
		t.Fatalf("a reader waited for the lock: %v", err)
	}
	release()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestManyAtOnceAndReadersInBetween(t *testing.T) {
	ctx := context.Background()
	l := newLab(t, 20, lio.Options{})
	c := l.client(t)
	var wg sync.WaitGroup
	for i := range 20 {
		target := l.target(t, c, fmt.Sprintf("p%d", i), i)
		wg.Go(func() {
			for range 3 {
				if _, err := c.Ensure(ctx, target); err != nil {
					t.Error(err)
				}
				if _, err := c.List(ctx); err != nil {
					t.Error(err)
				}
			}
			if i%2 == 0 {
				if err := c.Delete(ctx, target.IQN, false); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	list, err := c.List(ctx)
	if err != nil || len(list.Targets) != 10 {
		t.Fatalf("%d targets, %v", len(list.Targets), err)
	}
	left, err := c.Backstores(ctx)
	if err != nil || len(left) != 10 {
		t.Fatalf("%d backstores, %v", len(left), err)
	}
}

func TestPrepareMakesABareHostReady(t *testing.T) {
	ctx := context.Background()
	l := newLab(t, 1, lio.Options{Unloaded: true})
	base, err := iscsi.ParseBase("iqn.2026-01.social.waddle:csi")
	if err != nil {
		t.Fatal(err)
	}
	c, err := iscsi.New(iscsi.Options{Base: base, FS: l.Tree, Host: l.Tree, Devices: l.devices})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.List(ctx); !errors.Is(err, iscsi.ErrNotReady) {
		t.Fatalf("before: %v", err)
	}
	if _, err := c.Ensure(ctx, l.target(t, c, "a", 0)); !errors.Is(err, iscsi.ErrNotReady) {
		t.Fatalf("before: %v", err)
	}
	for range 2 {
		if err := c.Prepare(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Ensure(ctx, l.target(t, c, "a", 0)); err != nil {
		t.Fatal(err)
	}
}

func TestTheTreeIsStillThereAfterTheDaemonWasKilled(t *testing.T) {
	ctx := context.Background()
	journal := filepath.Join(t.TempDir(), "lio.journal")
	l := newLab(t, 2, lio.Options{Journal: journal})
	c := l.client(t)
	r := l.rich(t, c)
	if _, err := c.Ensure(ctx, r); err != nil {
		t.Fatal(err)
	}
	before := l.String()
	f, err := os.OpenFile(journal, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"op":"mkdir","a":"/sys/ker`); err != nil { // cut in the middle
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := lio.Open(lio.Options{Journal: journal})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if again.String() != before {
		t.Fatalf("now\n%s\nbefore\n%s", again, before)
	}
	l.Tree = again
	if changes, err := l.client(t).Ensure(ctx, r); err != nil || len(changes) != 0 {
		t.Fatalf("%v, %v", changes, err)
	}
	if info, err := os.Stat(journal); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info.Mode(), err)
	}
}

func mustIQN(t testing.TB, s string) iscsi.IQN {
	t.Helper()
	i, err := iscsi.ParseIQN(s)
	if err != nil {
		t.Fatal(err)
	}
	return i
}
