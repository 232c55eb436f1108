package pve

import (
	"slices"
	"strings"
	"testing"

	"github.com/waddle-social/waddle/internal/lab/pve/schema"
)

func TestEveryCallHasAnAnswerAndEveryAnswerACall(t *testing.T) {
	answers := handlers()
	for _, e := range schema.Endpoints() {
		if answers[e.Key()] == nil {
			t.Errorf("nothing answers %s", e.Key())
		}
		delete(answers, e.Key())
	}
	for key := range answers {
		t.Errorf("%s is answered and is no call", key)
	}
}

func TestABuiltInRoleHasOnlyPrivilegesThatThereAre(t *testing.T) {
	for role, privs := range builtin() {
		for _, p := range privs {
			if !schema.Privileges[p] {
				t.Errorf("%s has %s", role, p)
			}
		}
	}
}

// unlisted are the steps that a node's tasks made and that Steps does not name.
func (s *Server) unlisted() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for key := range s.seen {
		task, step, _ := strings.Cut(key, " ")
		if !slices.Contains(Steps()[task], step) {
			all = append(all, key)
		}
	}
	return all
}

// Unlisted lets the tests of the whole look at unlisted.
func Unlisted(s *Server) []string { return s.unlisted() }
