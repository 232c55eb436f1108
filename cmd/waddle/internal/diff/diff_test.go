package diff

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestTheComparisonContainsBothTexts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", ""}), 0, 12)
		a, b := lines.Draw(t, "old"), lines.Draw(t, "new")
		var old, updated []string
		for _, l := range middle(a, b) {
			if l.Op != '+' {
				old = append(old, l.Text)
			}
			if l.Op != '-' {
				updated = append(updated, l.Text)
			}
		}
		if strings.Join(old, "\n") != strings.Join(a, "\n") || strings.Join(updated, "\n") != strings.Join(b, "\n") {
			t.Fatalf("%q and %q became %q and %q", a, b, old, updated)
		}
	})
}

func show(lines []Line) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(string(l.Op) + l.Text + "\n")
	}
	return b.String()
}

func TestOnlyWhatIsNearAChangeIsShown(t *testing.T) {
	old := "1\n2\n3\n4\n5\n6\n7\n8\n9\n"
	got := show(Near(Lines(old, "1\n2\n3\nfour\n5\n6\n7\n8\n9\n10\n"), 1))
	want := " 3\n-4\n+four\n 5\n.\n 9\n+10\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if same := Near(Lines(old, old), 3); len(same) != 0 {
		t.Errorf("equal texts differ: %q", show(same))
	}
}

func TestAnEmptyTextHasNoLines(t *testing.T) {
	if got := show(Lines("", "a\n")); got != "+a\n" {
		t.Errorf("got %q", got)
	}
	if got := show(Lines("a\n", "")); got != "-a\n" {
		t.Errorf("got %q", got)
	}
}
