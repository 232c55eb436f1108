package platform_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/platform/platformtest"
	"github.com/waddle-social/waddle/internal/problem"
)

func TestWhatMinimalWritesIsReadAsTheSamePlatform(t *testing.T) {
	valid := platformtest.Valid(parseExample(t))
	rapid.Check(t, func(t *rapid.T) {
		p := valid.Draw(t, "platform")
		if err := p.Validate(); err != nil {
			t.Fatalf("the generator made an invalid platform: %v", err)
		}
		want := p.WithDefaults()
		if again := want.WithDefaults(); !reflect.DeepEqual(again, want) {
			t.Fatal("the defaults are not idempotent")
		}
		short := marshal(t, platform.Minimal(p))
		long := marshal(t, want)
		if len(short) > len(long) {
			t.Errorf("the short form has %d bytes, the long one %d", len(short), len(long))
		}
		for name, data := range map[string][]byte{"short": short, "long": long} {
			got, err := platform.Parse(name, data)
			if err != nil {
				t.Fatalf("%v\n%s", err, data)
			}
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("the %s form is read as another platform:\n%s\nwant\n%s", name, marshal(t, got), long)
			}
		}
		if again := marshal(t, platform.Minimal(platform.Minimal(p))); !bytes.Equal(again, short) {
			t.Errorf("Minimal is not idempotent:\n%s\n%s", short, again)
		}
	})
}

// Any mutation of a valid document either parses, and then what it means can be
// written and read again, or gives errors that all have a place in the file.
func TestAMutatedDocumentParsesOrGivesErrorsWithAPlace(t *testing.T) {
	example := string(readExample(t))
	complete := string(marshal(t, parseExample(t)))
	parsed, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SampledFrom([]string{example, complete}).Draw(t, "document")
		for range rapid.IntRange(1, 4).Draw(t, "mutations") {
			text = mutate(t, text)
		}
		if outcome(t, []byte(text)) {
			parsed++
		} else {
			refused++
		}
	})
	t.Logf("%d mutated documents parsed, %d were refused", parsed, refused)
}

// mutate does what an operator's editor could do.
func mutate(t *rapid.T, text string) string {
	lines := strings.Split(text, "\n")
	i := rapid.IntRange(0, len(lines)-1).Draw(t, "line")
	j := rapid.IntRange(0, len(lines)-1).Draw(t, "other line")
	odd := []string{"", " ", "~", "[]", "{}", "0", "-1", "true", "1.5", "\"", "'", "|", "&a", "*a", "!!str", "<<", "?", ":", "-", "#", "%", "\t", "é", "\x00", "10.10.0.2", "10.10.0.0/24", "::1", "8GiB", "null", "{a: b}", "[1, 2]"}
	switch rapid.IntRange(0, 8).Draw(t, "how") {
	case 0:
		lines = append(lines[:i:i], lines[i+1:]...)
	case 1:
		lines = append(lines[:i+1:i+1], lines[i:]...)
	case 2:
		lines[i], lines[j] = lines[j], lines[i]
	case 3:
		lines[i] = " " + lines[i]
	case 4:
		lines[i] = strings.TrimPrefix(lines[i], "  ")
	case 5:
		if key, _, has := strings.Cut(lines[i], ": "); has {
			lines[i] = key + ": " + rapid.SampledFrom(odd).Draw(t, "value")
		}
	case 6:
		k := rapid.IntRange(0, len(lines[i])).Draw(t, "column")
		lines[i] = lines[i][:k] + rapid.SampledFrom(odd).Draw(t, "text") + lines[i][k:]
	case 7:
		if key, _, has := strings.Cut(lines[i], ": "); has {
			if _, value, has := strings.Cut(lines[j], ": "); has {
				lines[i] = key + ": " + value
			}
		}
	default:
		lines[i] = rapid.StringN(0, 20, 40).Draw(t, "rubbish")
	}
	return strings.Join(lines, "\n")
}

// outcome parses data and holds what comes of it against what is always true.
// It reports whether data is a valid document.
func outcome(t interface {
	Helper()
	Fatalf(string, ...any)
	Fatal(...any)
}, data []byte) bool {
	t.Helper()
	start := cpu()
	p, err := platform.Parse("p.yaml", data)
	if d := cpu() - start; d > 10*time.Second {
		t.Fatalf("it took %v", d)
	}
	if err == nil {
		again, err := platform.Parse("again.yaml", marshal(t, platform.Minimal(p)))
		if err != nil || !reflect.DeepEqual(again, p) {
			t.Fatalf("what was parsed cannot be written and read again: %v\n%s", err, data)
		}
		return true
	}
	var e *problem.Error
	if !errors.As(err, &e) || e.Code != problem.InvalidPlatform || len(e.Fields) == 0 || p != nil {
		t.Fatalf("the error is %#v", err)
	}
	lines := strings.Split(strings.NewReplacer("\ufeff", "", "\r\n", "\n", "\r", "\n").Replace(string(data)), "\n")
	for _, f := range e.Fields {
		if f.Line < 1 || f.Line > len(lines) || f.Column < 1 || f.Column > len(lines[f.Line-1])+1 {
			t.Fatalf("%s: %d:%d is not in the file of %d lines", f.Path, f.Line, f.Column, len(lines))
		}
		if f.Path == "" || f.File != "p.yaml" || f.Message == "" || f.Allowed == "" || strings.Contains(f.Message, "{other}") {
			t.Fatalf("incomplete: %+v", f)
		}
		if line := platform.Line(f); strings.ContainsAny(line, "\n\r") || !utf8.ValidString(line) {
			t.Fatalf("%q is not one line of text", line)
		}
	}
	return false
}
