package netfw

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"testing"
)

var errFault = errors.New("fault")

// byHandHost is a host without peers that followed the plan by hand, among
// rules of others. The first one is typed, the others load what came of it.
func byHandHost(t testing.TB, typed *string) *site {
	s := &site{host: newHost(t)}
	if *typed == "" {
		run(t, foreignRules)
		s.typeByHand()
		*typed = fmt.Sprintf("iptables-restore <<'END'\n%sEND\nip6tables-restore <<'END'\n%sEND\n%s", made(run(t, "iptables-save")), made(run(t, "ip6tables-save")), siteTable)
		return s
	}
	run(t, *typed+typedLinks)
	s.typeFiles()
	return s
}

var untouched = regexp.MustCompile(`(?m)^(:[A-Z]+ ACCEPT .*|#.*)\n`)

// made takes the built-in chains that nothing was done to out of a listing, so
// that loading it does not make them.
func made(save string) string { return untouched.ReplaceAllString(save, "") }

// tryAll is applyAll that may fail.
func (s *site) tryAll(c Consent) error {
	ctx := context.Background()
	if err := s.ApplyRules(ctx, phase0(), c); err != nil {
		return err
	}
	if err := s.ApplyBridge(ctx, planBridge(), c); err != nil {
		return err
	}
	if err := s.ApplyForwarding(ctx, c); err != nil {
		return err
	}
	return s.ApplyRules(ctx, phase1(), c)
}

func (s *site) tryUndo(p phases) error {
	ctx := context.Background()
	if err := s.UndoRules(ctx, p.rules1); err != nil {
		return err
	}
	if err := s.UndoForwarding(ctx, p.forwarding); err != nil {
		return err
	}
	if err := s.UndoBridge(ctx, p.bridge); err != nil {
		return err
	}
	return s.UndoRules(ctx, p.rules0)
}

// faultAt makes the n-th operation from now on fail; with killed also all that
// follow, as if the process had ended there.
func (s *site) faultAt(n int, killed bool) {
	seen := 0
	s.fail = func(string) error {
		seen++
		if seen == n || killed && seen > n {
			return errFault
		}
		return nil
	}
}

// faultHosts is where the fault tests start from. On the bare host killed says
// nothing that the other does not say too.
func faultHosts(t *testing.T) []faultHost {
	var typed string
	t.Run("typed", func(t *testing.T) { byHandHost(t, &typed) })
	return []faultHost{
		{"a bare host", func(t testing.TB) *site { return &site{host: newHost(t)} }, []bool{false}},
		{"a host that was set up by hand, with rules of others", func(t testing.TB) *site { return byHandHost(t, &typed) }, []bool{false, true}},
	}
}

type faultHost struct {
	name   string
	build  func(t testing.TB) *site
	killed []bool
}

func TestAFaultAtEachOperation(t *testing.T) {
	points := 0
	for _, fh := range faultHosts(t) {
		build := fh.build
		t.Run(fh.name, func(t *testing.T) {
			var before, after string
			var applyOps, undoOps int
			t.Run("uninterrupted", func(t *testing.T) {
				s := build(t)
				before = s.state()
				p := s.capturePhases()
				s.ops = nil
				if err := s.tryAll(Consent{Adopt: true}); err != nil {
					t.Fatal(err)
				}
				applyOps, after = len(s.ops), s.state()
				s.ops = nil
				if err := s.tryUndo(p); err != nil {
					t.Fatal(err)
				}
				undoOps = len(s.ops)
				equal(t, "after undo", before, s.state())
			})
			for _, killed := range fh.killed {
				for n := 1; n <= applyOps; n++ {
					points++
					t.Run(fmt.Sprintf("apply %d killed %t", n, killed), func(t *testing.T) {
						t.Parallel()
						s := build(t)
						s.again()
						p := s.capturePhases()
						s.again()
						s.faultAt(n, killed)
						err := s.tryAll(Consent{Adopt: true})
						s.fail = nil
						s.again()
						if err != nil && !errors.Is(err, errFault) {
							t.Fatalf("the fault became %v", err)
						}
						if err := s.tryAll(Consent{Adopt: true}); err != nil {
							t.Fatalf("second run: %v", err)
						}
						equal(t, fmt.Sprintf("after a second run (%v)", err), after, s.state())
						if err := s.tryUndo(p); err != nil {
							t.Fatal(err)
						}
						equal(t, "after undo", before, s.state())
					})
				}
				for n := 1; n <= undoOps; n++ {
					points++
					t.Run(fmt.Sprintf("undo %d killed %t", n, killed), func(t *testing.T) {
						t.Parallel()
						s := build(t)
						p := s.capturePhases()
						if err := s.tryAll(Consent{Adopt: true}); err != nil {
							t.Fatal(err)
						}
						s.again()
						s.faultAt(n, killed)
						err := s.tryUndo(p)
						s.fail = nil
						s.again()
						if err != nil && !errors.Is(err, errFault) {
							t.Fatalf("the fault became %v", err)
						}
						if err := s.tryUndo(p); err != nil {
							t.Fatal(err)
						}
						equal(t, fmt.Sprintf("after a second undo (%v)", err), before, s.state())
					})
				}
			}
		})
	}
	t.Logf("%d points of failure tried", points)
}
