package platform_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/waddle-social/waddle/internal/platform"
)

// Documents that a file in testdata/bad would not show well.
func TestRubbishIsTurnedAwayQuickly(t *testing.T) {
	const big = platform.MaxBytes
	for _, c := range []struct{ name, input, want string }{
		{"a document over the limit", strings.Repeat("#\n", big/2+1),
			"p.yaml:1:1: (document): the document is too large; allowed: at most 262144 bytes (256 KiB)"},
		{"brackets without end", strings.Repeat("[", 1000),
			"p.yaml:1:33: (document): the document is nested too deeply; allowed: at most 32 levels"},
		{"braces over many lines", strings.Repeat("{a:\n", 1000),
			"p.yaml:33:1: (document): the document is nested too deeply; allowed: at most 32 levels"},
		{"dashes without end", strings.Repeat("- ", 1000),
			"p.yaml:1:65: (document): the document is nested too deeply; allowed: at most 32 levels"},
		{"a line over the limit", "a: " + strings.Repeat("x", 9000),
			"p.yaml:1:1: (document): the line has 9003 bytes; allowed: at most 8192 bytes in a line"},
		{"an indentation over the limit", "a:\n" + strings.Repeat(" ", 300) + "b: c",
			"p.yaml:2:1: (document): the line is indented too far; allowed: at most 256 spaces"},
		{"Latin-1 instead of UTF-8", "kind: Platform\nmetadata:\n  name: caf\xe9",
			"p.yaml:3:12: (document): the byte 0xe9 is no UTF-8; allowed: text in UTF-8"},
		{"more entries than any platform has", strings.Repeat("k: v\n", 4000),
			"p.yaml:1501:1: (document): the document has too many entries; allowed: at most 3000 lines, keys and list elements"},
		{"a NUL", "kind: Plat\x00form",
			"p.yaml:1:11: (document): the character U+0000 has no place in a text; allowed: printable text in UTF-8"},
		{"UTF-16", "\xff\xfek\x00i\x00n\x00d\x00",
			"p.yaml:1:1: (document): the byte 0xff is no UTF-8; allowed: text in UTF-8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			start := cpu()
			_, err := platform.Parse("p.yaml", []byte(c.input))
			if err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
			if d := cpu() - start; d > time.Second {
				t.Errorf("it took %v", d)
			}
		})
	}
}

// Documents at the limit that reach the YAML parser. Processor time is measured,
// so that a busy machine does not matter.
func TestTheWorstDocumentWithinTheLimitsIsQuick(t *testing.T) {
	const big = platform.MaxBytes
	// As many parts as the limits let through, or as many bytes.
	fill := func(unit string) string {
		return strings.Repeat(unit, min(big/len(unit), 3000/max(1, strings.Count(unit, "\n")+strings.Count(unit, ":")+strings.Count(unit, "? ")+strings.Count(unit, "- "))-10))
	}
	for name, input := range map[string]string{
		"keys":                  fill("k: v\n"),
		"keys in one line":      "{" + strings.Repeat("k: v, ", 1300) + "}\n",
		"unknown keys in spec":  "spec:\n" + fill("  kkkkkkkkkkkkkkkkkk: v\n"),
		"a flow list":           "a: [" + strings.Repeat("x,\n", 1450) + "]",
		"list elements":         "spec:\n  vms:\n    nodes:\n" + fill("    - {}\n"),
		"an unclosed quote":     "a: \"" + fill("x\n")[4:],
		"a literal block":       "a: |\n" + fill("  x\n"),
		"comments":              fill("# comment\n"),
		"colons":                fill(":\n"),
		"documents":             fill("---\n"),
		"anchors":               fill("- &a x\n"),
		"aliases":               fill("- *a\n"),
		"tags":                  fill("- !!str x\n"),
		"question marks":        fill("? a\n"),
		"nested mappings":       nested(30) + "\n",
		"a folded block":        "a: >\n" + fill("  x\n\n"),
		"quotes":                fill("\"a\": 'b'\n"),
		"tabs":                  fill("\t\n"),
		"spaces":                fill(" \n"),
		"plain multi-line text": "a: " + fill("x\n")[3:],
		"closing brackets":      fill("]\n"),
	} {
		start := cpu()
		_, err := platform.Parse("p.yaml", []byte(input))
		d := cpu() - start
		if err == nil {
			t.Errorf("%s: it was accepted", name)
		}
		if d > 5*time.Second {
			t.Errorf("%s: it took %v", name, d)
		}
		t.Logf("%-22s %v", name, d.Round(time.Millisecond))
	}
}

// cpu is the processor time that this process has had.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func nested(depth int) string {
	var b strings.Builder
	for i := range depth {
		b.WriteString(strings.Repeat(" ", i) + "k:\n")
	}
	return b.String()
}

func TestAFloodOfErrorsIsCutShort(t *testing.T) {
	_, err := platform.Parse("p.yaml", []byte("kind: Platform\napiVersion: waddle.social/v1alpha1\n"+strings.Repeat("x: 1\n", 500)))
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 101 || lines[100] != "p.yaml: and 406 more errors" {
		t.Errorf("%d lines, the last is %q", len(lines), lines[len(lines)-1])
	}
}
