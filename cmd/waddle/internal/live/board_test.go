package live

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/waddle-social/waddle/cmd/waddle/internal/console"
	"github.com/waddle-social/waddle/cmd/waddle/internal/termtest"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got), -update writes it anew:\n%s", name, diff)
	}
}

var start = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time {
	return start.Add(time.Duration(seconds * float64(time.Second)))
}

// sample is an operation half way: every state once, two steps running.
func sample(st console.Style) *Board {
	b := NewBoard(st, start)
	b.Set(Step{ID: "a", Title: "Create internal bridge vmbr1", State: "changed", Started: at(0), Ended: at(0.34)})
	b.Set(Step{ID: "b", Title: "Enable IP forwarding", State: "unchanged", Started: at(0), Ended: at(0.01)})
	b.Set(Step{ID: "c", Title: "Install and configure targetcli for iSCSI target service, and tell the operator so", State: "failed", Message: "configfs is not mounted", Started: at(1), Ended: at(73)})
	b.Set(Step{ID: "d", Title: "Change default root password", State: "gate", Message: "change it, then waddle phase ack host/password"})
	b.Set(Step{ID: "e", Title: "Persist iptables rules", State: "skipped", Message: "needs network/iscsi"})
	b.Set(Step{ID: "f", Title: "Download the nocloud image", State: "running", Done: 125829120, Total: 1288490188, Unit: "bytes", Message: "from the image factory", Started: at(60)})
	b.Set(Step{ID: "g", Title: "Verify nodes ready", State: "running", Done: 2, Unit: "nodes", Message: "ready:", Started: at(70)})
	b.Set(Step{ID: "h", Title: "Bootstrap first node", State: "pending"})
	return b
}

func TestBoardShowsEveryStateOnce(t *testing.T) {
	for name, st := range map[string]console.Style{"board.txt": {}, "board-colour.txt": console.Painted()} {
		b := sample(st)
		lines := append(b.Finished(78), b.Running(at(75), 78)...)
		golden(t, name, strings.Join(lines, "\n")+"\n")
		if again := b.Finished(78); len(again) != 0 {
			t.Errorf("finished steps are printed twice: %q", again)
		}
	}
}

func TestNoLineThatIsRedrawnIsWiderThanTheTerminal(t *testing.T) {
	for _, width := range []int{20, 33, 40, 79, 200} {
		b := sample(console.Style{})
		for _, line := range b.Running(at(75), width) {
			if n := len([]rune(line)); n > width {
				t.Errorf("width %d: a line has %d columns: %q", width, n, line)
			}
		}
	}
}

func TestMessagesCannotCommandTheTerminal(t *testing.T) {
	b := NewBoard(console.Style{}, start)
	b.Set(Step{ID: "x", Title: "evil\x1b[2J", State: "failed", Message: "gone\x9b31m\rover\n"})
	for _, line := range b.Finished(80) {
		if strings.ContainsAny(line, "\x1b\r\n\u009b") {
			t.Errorf("a control character reaches the terminal: %q", line)
		}
	}
}

func TestScreenReplacesOnlyWhatRuns(t *testing.T) {
	var out strings.Builder
	s := NewScreen(&out)
	for _, frame := range []struct{ keep, below []string }{
		{nil, []string{"running a", "0 of 2 steps"}},
		{[]string{"done a"}, []string{"running b", "1 of 2 steps"}},
		{[]string{"done b"}, nil},
	} {
		if err := s.Draw(frame.keep, frame.below, 24); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := termtest.Replay(out.String()), "done a\ndone b\n"; got != want {
		t.Errorf("the terminal ends as %q, want %q", got, want)
	}
}

func TestScreenNeverRedrawsMoreThanTheTerminalHas(t *testing.T) {
	var out strings.Builder
	s := NewScreen(&out)
	many := strings.Split("1 2 3 4 5 6 7 8 summary", " ")
	for range 2 {
		if err := s.Draw(nil, many, 4); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := termtest.Replay(out.String()), "7\n8\nsummary\n"; got != want {
		t.Errorf("the terminal shows %q, want %q", got, want)
	}
}

func TestDurationsAndAmounts(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0.0s", 340 * time.Millisecond: "0.3s", 12 * time.Second: "12s",
		72 * time.Second: "1m12s", 2*time.Hour + 5*time.Minute: "2h05m",
	} {
		if got := duration(d); got != want {
			t.Errorf("duration(%s) = %q, want %q", d, got, want)
		}
	}
	for _, c := range []struct {
		done, total int64
		unit, want  string
	}{
		{120 << 20, 1 << 30, "bytes", "120.0 MiB of 1.0 GiB"},
		{512, 0, "bytes", "512 B"},
		{2, 3, "nodes", "2 of 3 nodes"},
		{7, 0, "", "7"},
	} {
		if got := amount(c.done, c.total, c.unit); got != c.want {
			t.Errorf("amount(%d, %d, %q) = %q, want %q", c.done, c.total, c.unit, got, c.want)
		}
	}
}
