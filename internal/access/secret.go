package access

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"unicode/utf8"
)

// Secret is a password in clear. However it is printed, logged or encoded, it
// says that it is one and nothing more; Reveal is the only way to its text.
type Secret struct{ text []byte }

const redacted = "(a password)"

func (Secret) String() string { return redacted }

// GoString is for %#v.
func (Secret) GoString() string { return redacted }

// Format is for every other verb, %x among them.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue is for slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON is for journals and answers.
func (Secret) MarshalJSON() ([]byte, error) { return json.Marshal(redacted) }

// Reveal returns the text, to be shown once.
func (s Secret) Reveal() string { return string(s.text) }

// Forget overwrites the text. A copy made by Reveal is the caller's.
func (s Secret) Forget() { clear(s.text) }

// The limits of a password: below 12 characters one can be guessed, and crypt(3)
// takes at most 511 bytes (CRYPT_MAX_PASSPHRASE_SIZE).
const (
	minPassword = 12
	maxPassword = 511
)

// alphabet has no two letters that look alike, and 32 of them: five bits each.
const alphabet = "abcdefghijkmnpqrstuvwxyz23456789"

const (
	groups    = 6
	groupSize = 5
)

// GeneratePassword returns a password of 150 random bits, in groups that can be
// read from a screen and typed on a console.
func GeneratePassword() Secret {
	raw := make([]byte, groups*groupSize)
	_, _ = rand.Read(raw) // never fails: crypto/rand
	var text []byte
	for i, b := range raw {
		if i > 0 && i%groupSize == 0 {
			text = append(text, '-')
		}
		text = append(text, alphabet[b&31])
	}
	clear(raw)
	return Secret{text}
}

// UnfitError says why a text is no password, without showing it.
type UnfitError struct{ Why string }

func (e *UnfitError) Error() string { return "cannot take the password: " + e.Why }

// NewPassword takes a text as a password. One that is none is an *UnfitError.
func NewPassword(text []byte) (Secret, error) {
	if why := unfit(text); why != "" {
		return Secret{}, &UnfitError{why}
	}
	return Secret{text}, nil
}

// unfit says why a text is no password, without showing it.
func unfit(text []byte) string {
	switch {
	case !utf8.Valid(text):
		return "it is not UTF-8"
	case utf8.RuneCount(text) < minPassword:
		return fmt.Sprintf("it has fewer than %d characters", minPassword)
	case len(text) > maxPassword:
		return fmt.Sprintf("it has more than %d bytes", maxPassword)
	case bytes.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "it has more than one line, or control characters"
	}
	return ""
}
