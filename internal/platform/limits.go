package platform

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// Bounds on a document, so that rubbish is turned away before it is parsed.
const (
	MaxBytes   = 256 << 10 // of a document
	maxLine    = 8192      // bytes of one line
	maxNesting = 32        // brackets, or dashes in one line
	maxIndent  = 256       // spaces in front of a line
	maxParts   = 3000      // lines, entries and elements; the parser's time grows with their square
)

// tally is what bounds counts over the lines of a document.
type tally struct{ nesting, parts int }

// prepared returns data with LF line ends and without a byte order mark.
func prepared(data []byte) []byte {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	return bytes.ReplaceAll(data, []byte("\r"), []byte("\n"))
}

// bounds finds what must not reach the YAML parser, which recurses for each
// level of nesting. The first such thing ends the search.
func bounds(data []byte) (spot, string, string) {
	if len(data) > MaxBytes {
		return spot{1, 1}, "the document is too large", fmt.Sprintf("at most %d bytes (256 KiB)", MaxBytes)
	}
	var t tally
	for i, line := range bytes.Split(data, []byte("\n")) {
		if col, message, allowed := t.add(line); message != "" {
			return spot{i + 1, col}, message, allowed
		}
	}
	return spot{}, "", ""
}

func (t *tally) add(line []byte) (col int, message, allowed string) {
	if len(line) > maxLine {
		return 1, fmt.Sprintf("the line has %d bytes", len(line)), fmt.Sprintf("at most %d bytes in a line", maxLine)
	}
	if indent := len(line) - len(bytes.TrimLeft(line, " \t")); indent > maxIndent {
		return 1, "the line is indented too far", fmt.Sprintf("at most %d spaces", maxIndent)
	}
	if len(bytes.TrimSpace(line)) > 0 && line[0] != '#' {
		t.parts++
	}
	dashes := 0
	for k, text := 0, line; len(text) > 0; k++ {
		r, size := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && size == 1:
			return k + 1, fmt.Sprintf("the byte 0x%02x is no UTF-8", text[0]), "text in UTF-8"
		case r < 0x20 && r != '\t', r == 0x7f, r == 0x85, r == 0x2028, r == 0x2029, r == 0xfeff:
			return k + 1, fmt.Sprintf("the character U+%04X has no place in a text", r), "printable text in UTF-8"
		case r == '#' && (k == 0 || line[len(line)-len(text)-1] == ' '):
			return 0, "", ""
		case r == '[' || r == '{':
			t.nesting++
		case (r == ']' || r == '}') && t.nesting > 0:
			t.nesting--
		case (r == '-' || r == '?') && len(text) > 1 && text[1] == ' ':
			dashes++
			t.parts++
		case r == ':' || r == ',':
			t.parts++
		}
		if t.nesting > maxNesting || dashes > maxNesting {
			return k + 1, "the document is nested too deeply", fmt.Sprintf("at most %d levels", maxNesting)
		}
		if t.parts > maxParts {
			return k + 1, "the document has too many entries", fmt.Sprintf("at most %d lines, keys and list elements", maxParts)
		}
		text = text[size:]
	}
	return 0, "", ""
}
