package netfw

import (
	"context"
	"os"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// TestLooksFromSeveralGoroutinesWhileRulesChange is for the race detector.
func TestLooksFromSeveralGoroutinesWhileRulesChange(t *testing.T) {
	h := newHost(t)
	h.seam = func(string) error { return nil } // the test's own list is not for several goroutines
	ns, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	ctx := context.Background()
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			runtime.LockOSThread() // never unlocked: the thread ends here
			if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
				t.Error(err)
				return
			}
			cfg := planConfig()
			cfg.InternalTCP = append(cfg.InternalTCP, uint16(6000+i))
			for range 6 {
				if _, err := h.LookRules(ctx, cfg); err != nil {
					t.Error(err)
				}
				if i < 2 {
					if err := h.ApplyRules(ctx, cfg, Consent{}); err != nil {
						t.Error(err)
					}
				}
				if _, err := h.LookForwarding(ctx); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	h.applyRules(planConfig(), Consent{})
}
