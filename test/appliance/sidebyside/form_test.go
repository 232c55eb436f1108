package sidebyside

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"
)

// form is how much is measured.
type form struct {
	name      string
	runs      int // of waddled's, each
	stock     int // of targetcli's create script with nothing beside it
	stockMany int // of the same beside few and many
	few, many int // targets that are there
	half      int // targets that are restored; many is the double
}

// chosen is the form that WADDLE_SIDEBYSIDE names. The short one is for CI: its
// figures are those of fewer targets.
func chosen(t *testing.T) form {
	t.Helper()
	switch v := os.Getenv("WADDLE_SIDEBYSIDE"); v {
	case "full":
		return form{name: v, runs: 21, stock: 21, stockMany: 1, few: 10, many: 1000, half: 500}
	case "short":
		return form{name: v, runs: 21, stock: 5, stockMany: 1, few: 10, many: 100, half: 50}
	case "":
		t.Skip("needs the appliance VM with waddled in it: run make e2e or make bench")
	default:
		t.Fatalf("WADDLE_SIDEBYSIDE is %q; known are short and full", v)
	}
	return form{}
}

func median(took []time.Duration) time.Duration {
	sorted := slices.Clone(took)
	slices.Sort(sorted)
	return sorted[len(sorted)/2]
}

// ratio prints one line of the table.
func ratio(what string, over, under time.Duration) float64 {
	r := over.Seconds() / under.Seconds()
	fmt.Printf("bench: %-76s %8.2f  (%.1f ms / %.1f ms)\n", what, r, over.Seconds()*1000, under.Seconds()*1000)
	return r
}

func figure(what string, took []time.Duration) {
	fmt.Printf("bench: %-76s %8.1f ms, fastest %.1f, slowest %.1f, of %d\n", what, median(took).Seconds()*1000,
		slices.Min(took).Seconds()*1000, slices.Max(took).Seconds()*1000, len(took))
}
