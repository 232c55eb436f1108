package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/waddle-social/waddle/cmd/waddle/internal/termtest"
	"github.com/waddle-social/waddle/internal/platform"
)

// session is the program on a terminal, with a daemon that answers with the files
// of testdata/terminal/NAME.txtar.
type session struct {
	*termtest.Terminal
	daemon *fakeDaemon
}

func onTerminal(t *testing.T, answers string, args ...string) *session {
	t.Helper()
	return onTerminalWith(t, answers, nil, args...)
}

func onTerminalWith(t *testing.T, answers string, env []string, args ...string) *session {
	t.Helper()
	dir := t.TempDir()
	archive, err := txtar.ParseFile(filepath.Join("testdata/terminal", answers+".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range archive.Files {
		if err := os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := startFake(dir, filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if faults := f.stop(); len(faults) > 0 {
			t.Errorf("not as the contract says:\n%s", strings.Join(faults, "\n"))
		}
	})
	cmd := exec.Command("waddle", args...) // TestMain has put it on the path
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "TERM=xterm", "TZ=UTC", "GORACE=" + raceOptions, "HOME=" + dir, "WADDLE_SERVER=unix://" + filepath.Join(dir, "s"),
	}, env...)
	return &session{Terminal: termtest.Start(t, 80, 24, cmd), daemon: f}
}

// ends waits for the exit code and compares what is left on the screen with a
// golden file. Durations that depend on this machine are not in it.
func (s *session) ends(t *testing.T, code int, golden string) {
	t.Helper()
	if got := s.Wait(); got != code {
		t.Errorf("exit code %d, want %d; the program wrote:\n%s", got, code, s.Text())
	}
	got := termtest.Replay(s.Text())
	path := filepath.Join("testdata/terminal", golden+".screen")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("the screen differs from %s (-want +got), -update writes it anew:\n%s", path, diff)
	}
}

func TestApplyOnATerminalAsksAndShowsTheStepsLive(t *testing.T) {
	s := onTerminal(t, "apply", "apply")
	s.Expect("Take over what is there already")
	s.Send("yes\n")
	s.Expect("Apply these changes?")
	s.Send("y\n")
	s.Expect("0 of 3 steps")
	s.Expect("Download the nocloud image")
	s.Expect("████████████░░░░░░░░░░░░") // half of it
	s.Expect("512.0 MiB of 1.0 GiB  from the image factory")
	s.ends(t, exitDone, "apply")
	if !strings.Contains(s.daemon.requests(), `"adopt":true`) {
		t.Errorf("the agreement to adopt was not sent:\n%s", s.daemon.requests())
	}
}

func TestSayingNoChangesNothing(t *testing.T) {
	for name, answers := range map[string][2]string{
		"to the adoption": {"Take over", "\n"},
		"to the apply":    {"Apply these changes?", "no\n"},
	} {
		t.Run(name, func(t *testing.T) {
			args := []string{"apply"}
			if name == "to the apply" {
				args = append(args, "--adopt")
			}
			s := onTerminal(t, "apply", args...)
			s.Expect(answers[0])
			s.Send(answers[1])
			if code := s.Wait(); code != exitRefused {
				t.Errorf("exit code %d, want %d", code, exitRefused)
			}
			if strings.Contains(s.daemon.requests(), "POST") {
				t.Errorf("something was sent:\n%s", s.daemon.requests())
			}
		})
	}
}

func TestCtrlCLeavesTheViewAndTheOperationGoesOn(t *testing.T) {
	s := onTerminal(t, "long", "op", "watch", "op-1")
	s.Expect("Download the nocloud image")
	s.Send("\x03")
	s.Expect("operation op-1 goes on in the daemon")
	s.Expect("waddle op watch op-1")
	s.Expect("waddle op cancel op-1")
	if code := s.Wait(); code != exitInterrupted {
		t.Errorf("exit code %d, want %d", code, exitInterrupted)
	}
	if strings.Contains(s.daemon.requests(), "POST") {
		t.Errorf("something was sent:\n%s", s.daemon.requests())
	}
}

func TestCtrlCAtAQuestionEndsTheProgram(t *testing.T) {
	s := onTerminal(t, "apply", "apply", "--adopt")
	s.Expect("Apply these changes?")
	s.Send("\x03")
	if code := s.Wait(); code != exitInterrupted {
		t.Errorf("exit code %d, want %d", code, exitInterrupted)
	}
}

func TestAFailedStepStaysOnTheScreenWithItsReason(t *testing.T) {
	s := onTerminal(t, "failed", "op", "watch")
	s.ends(t, exitRefused, "failed")
}

func TestInitAsksUntilTheAnswerIsOne(t *testing.T) {
	answers := map[string][]string{ // by path; what is not here takes what is in brackets
		"spec.dns.domain":                 {"not a domain", "example.org"},
		"spec.network.flexibleIP.address": {"", "203.0.113.20"},
		"spec.network.flexibleIP.mac":     {"52:54:00:ab:cd:ef"},
		"spec.teleport.teams[0].team":     {"platform-admins"},
	}
	s := onTerminal(t, "init", "init")
	for _, q := range questions(t, "init") {
		typed, ok := answers[q.Path]
		if !ok {
			typed = []string{""}
		}
		for i, answer := range typed {
			s.Expect(q.Prompt)
			s.Expect(": ")
			s.Send(answer + "\n")
			if i+1 < len(typed) {
				s.Expect(q.Allowed) // what would have been right
			}
		}
	}
	if code := s.Wait(); code != exitDone {
		t.Errorf("exit code %d; the program wrote:\n%s", code, s.Text())
	}
	for _, want := range []string{"domain: example.org", "address: 203.0.113.20", "team: platform-admins"} {
		if !strings.Contains(s.Text(), want) {
			t.Errorf("the document lacks %q:\n%s", want, s.Text())
		}
	}
}

// questions are what has to be asked about the host of testdata/terminal/NAME.txtar.
func questions(t *testing.T, name string) []platform.Question {
	t.Helper()
	archive, err := txtar.ParseFile(filepath.Join("testdata/terminal", name+".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(archive.Files[0].Data), "\n\n")
	var f platform.Facts
	if err := json.Unmarshal([]byte(body), &f); err != nil {
		t.Fatal(err)
	}
	_, all := platform.Propose(f)
	if len(all) < 4 {
		t.Fatalf("only %d questions: the facts are not read right", len(all))
	}
	return all
}

func TestAnEditedDocumentIsShownAndStored(t *testing.T) {
	s := onTerminalWith(t, "edit", []string{"EDITOR=sed -i s/waddle.example/other.example/"}, "platform", "edit")
	s.Expect("-     domain: waddle.example")
	s.Expect("+     domain: other.example")
	s.Expect("Store this document?")
	s.Send("y\n")
	if code := s.Wait(); code != exitDone {
		t.Errorf("exit code %d; the program wrote:\n%s", code, s.Text())
	}
	if sent := s.daemon.requests(); !strings.Contains(sent, `If-Match="aaaaaaaaaaaaaaaa"`) || !strings.Contains(sent, "other.example") {
		t.Errorf("the document was not stored over the one that was edited:\n%s", sent)
	}
}

func TestAnEditedDocumentWithErrorsIsKept(t *testing.T) {
	s := onTerminalWith(t, "edit", []string{"EDITOR=sed -i s/waddle.example/_/", "TMPDIR=" + t.TempDir()}, "platform", "edit")
	s.Expect("platform.yaml:")
	s.Expect("spec.dns.domain")
	if code := s.Wait(); code != exitUsage {
		t.Errorf("exit code %d; the program wrote:\n%s", code, s.Text())
	}
	path := regexp.MustCompile(`/\S+/platform\.yaml`).FindString(s.Text())
	if raw, err := os.ReadFile(path); err != nil || !strings.Contains(string(raw), "domain: _") {
		t.Errorf("what was typed is not in %s: %v", path, err)
	}
	if sent := s.daemon.requests(); strings.Contains(sent, "PUT") {
		t.Errorf("something was stored:\n%s", sent)
	}
}

func TestFollowingEventsEndsWithCtrlC(t *testing.T) {
	s := onTerminal(t, "events", "events", "-f")
	s.Expect("drift network.bridge")
	s.Send("\x03")
	if code := s.Wait(); code != exitInterrupted {
		t.Errorf("exit code %d, want %d", code, exitInterrupted)
	}
	if strings.Contains(s.Text(), "error") {
		t.Errorf("Ctrl-C is called an error:\n%s", s.Text())
	}
	if sent := s.daemon.requests(); strings.Contains(sent, "Last-Event-Id") {
		t.Errorf("old events were asked for:\n%s", sent)
	}
}

func TestATokenOnATerminalIsWarnedAbout(t *testing.T) {
	s := onTerminal(t, "token", "token", "create", "ci")
	s.Expect("waddle_Zm9v")
	s.Expect("it is on your screen")
	if code := s.Wait(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
}

func TestColourIsForTerminalsThatWantIt(t *testing.T) {
	for name, c := range map[string]struct {
		env, args []string
		colour    bool
	}{
		"a terminal gets colour":         {nil, nil, true},
		"NO_COLOR is honoured":           {[]string{"NO_COLOR=1"}, nil, false},
		"--no-color is honoured":         {nil, []string{"--no-color"}, false},
		"a dumb terminal gets no colour": {[]string{"TERM=dumb"}, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := onTerminalWith(t, "apply", c.env, append([]string{"plan"}, c.args...)...)
			s.Wait()
			if got := strings.Contains(s.Text(), "\x1b["); got != c.colour {
				t.Errorf("colour %v, want %v: %q", got, c.colour, s.Text())
			}
		})
	}
}
