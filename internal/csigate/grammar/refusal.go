package grammar

import (
	"errors"
	"fmt"
	"strings"
)

// Refusal is why a command is not run. Its text reaches the events of the
// PersistentVolumeClaim, so it says what is wrong in an operator's words.
type Refusal struct{ text string }

func (r *Refusal) Error() string { return r.text }

// Refuse returns a refusal. What a peer sent must go through Quote on its way in.
func Refuse(format string, args ...any) error { return refuse(format, args...) }

func refuse(format string, args ...any) error {
	return &Refusal{text: neutral("waddled refused this: " + fmt.Sprintf(format, args...))}
}

// IsRefusal reports whether err is, or wraps, a Refusal.
func IsRefusal(err error) bool {
	var r *Refusal
	return errors.As(err, &r)
}

// acted are the phrases of zfs and targetcli on which the driver acts: it takes
// some for success. No text of ours may contain one, whatever name it quotes.
var acted = []string{
	"does not exist", "already exists", "could not find any snapshots to destroy",
	"has dependent clones", "has children", "is busy", "Ran out of input",
}

// neutral returns text, or a plain sentence in its place when the driver would
// read something into it.
func neutral(text string) string {
	clash := strings.Contains(text, "destination") && strings.Contains(text, "exists")
	for _, phrase := range acted {
		clash = clash || strings.Contains(text, phrase)
	}
	if clash {
		return "waddled refused this; the reason is in waddled's audit log only, because the driver would misread the name in it"
	}
	return text
}

// Neutral makes a text of ours (not zfs's) safe to hand to the driver.
func Neutral(text string) string { return neutral(text) }

// Quote returns what a peer sent so that it can stand in a text: printable,
// short, and without spaces.
func Quote(s string) string { return quote(s) }

func quote(s string) string {
	const most = 80
	cut := ""
	if len(s) > most {
		cut = fmt.Sprintf("… (%d bytes)", len(s))
		s = s[:most]
	}
	return `"` + strings.Map(func(r rune) rune {
		if r <= ' ' || r >= 0x7f || r == '"' || r == '\\' {
			return '?'
		}
		return r
	}, s) + `"` + cut
}
