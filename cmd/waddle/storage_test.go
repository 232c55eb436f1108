package main

import (
	"strings"
	"testing"
)

func TestADeleteOnATerminalWantsTheNameTyped(t *testing.T) {
	for name, c := range map[string]struct {
		typed string
		code  int
	}{
		"the name deletes it":       {"scratch", exitDone},
		"another name does not":     {"scratsh", exitRefused},
		"yes is not the name":       {"yes", exitRefused},
		"neither is an empty line":  {"", exitRefused},
		"nor the name in capitals":  {"SCRATCH", exitRefused},
		"nor the name twice in one": {"scratch scratch", exitRefused},
	} {
		t.Run(name, func(t *testing.T) {
			s := onTerminal(t, "storage", "storage", "delete", "scratch")
			s.Expect("rpool/k8s-csi/v/scratch") // what it is about
			s.Expect("Write the volume's name to delete it")
			s.Send(c.typed + "\n")
			if code := s.Wait(); code != c.code {
				t.Errorf("exit code %d, want %d; the program wrote:\n%s", code, c.code, s.Text())
			}
			if sent := strings.Contains(s.daemon.requests(), "DELETE"); sent != (c.code == exitDone) {
				t.Errorf("a delete was sent: %v", sent)
			}
		})
	}
}

func TestWhatChangesVolumesAsksOnATerminal(t *testing.T) {
	for name, c := range map[string]struct {
		args  []string
		shows string
		asks  string
	}{
		"a rollback":    {[]string{"rollback", "scratch", "daily"}, "", "lose what was written since?"},
		"a repair":      {[]string{"repair"}, "target-without-volume", "Repair what is marked with ~?"},
		"a take-over":   {[]string{"adopt"}, "1 session stays", "Take this over?"},
		"restore units": {[]string{"adopt"}, "restore at boot is on, and is switched off", "Take this over?"},
	} {
		for answer, code := range map[string]int{"yes": exitDone, "no": exitRefused} {
			t.Run(name+" and the answer "+answer, func(t *testing.T) {
				s := onTerminal(t, "storage", append([]string{"storage"}, c.args...)...)
				if c.shows != "" {
					s.Expect(c.shows)
				}
				s.Expect(c.asks)
				s.Send(answer + "\n")
				if got := s.Wait(); got != code {
					t.Errorf("exit code %d, want %d; the program wrote:\n%s", got, code, s.Text())
				}
				if sent := strings.Contains(s.daemon.requests(), "POST"); sent != (code == exitDone) {
					t.Errorf("something was sent: %v", sent)
				}
			})
		}
	}
}

func TestAKeyOnATerminalIsWarnedAbout(t *testing.T) {
	s := onTerminal(t, "storage", "storage", "csi-values", "--reveal")
	s.Expect("PRIVATE")
	s.Expect("the client key is on your screen")
	if code := s.Wait(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
}
