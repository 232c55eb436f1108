package access

import (
	"bytes"
	"fmt"
	"strings"
)

// keysFile is authorized_keys, taken apart.
type keysFile struct {
	before  []byte // what stands before our block, or all
	after   []byte
	ours    []key
	foreign []key
	other   []string // lines of ours that are no keys
	wrong   []int    // 1-based lines of others that sshd cannot read
	block   bool
	broken  string // what is wrong with our marks
}

func parseKeysFile(content []byte) keysFile {
	var f keysFile
	inside, at := false, 0
	for n, raw := range bytes.SplitAfter(content, []byte("\n")) {
		line := strings.TrimSpace(string(raw))
		end := at + len(raw)
		switch {
		case line == blockBegin && f.block:
			f.broken = fmt.Sprintf("line %d begins the block a second time", n+1)
		case line == blockBegin:
			inside, f.block, f.before = true, true, content[:at]
		case line == blockEnd && inside:
			inside, f.after = false, content[end:]
		case line == blockEnd:
			f.broken = fmt.Sprintf("line %d ends a block that does not begin", n+1)
		default:
			f.take(line, n+1, inside)
		}
		at = end
	}
	if inside {
		f.broken = fmt.Sprintf("the block does not end: the line %q is missing", blockEnd)
	}
	if !f.block {
		f.before = content
	}
	return f
}

func (f *keysFile) take(line string, number int, ours bool) {
	if line == "" || strings.HasPrefix(line, "#") {
		if ours {
			f.other = append(f.other, line)
		}
		return
	}
	k, err := parseKey(line)
	switch {
	case err == nil && ours:
		f.ours = append(f.ours, k)
	case err == nil:
		f.foreign = append(f.foreign, k)
	case ours:
		f.other = append(f.other, line)
	default:
		f.wrong = append(f.wrong, number)
	}
}

// with returns the file with our block saying keys; without keys it has none.
func (f keysFile) with(keys []key) []byte {
	out := bytes.Clone(f.before)
	if len(keys) > 0 {
		if len(out) > 0 && out[len(out)-1] != '\n' {
			out = append(out, '\n')
		}
		out = append(out, blockBegin+"\n"...)
		for _, k := range keys {
			out = append(out, k.line+"\n"...)
		}
		out = append(out, blockEnd+"\n"...)
	}
	return append(out, f.after...)
}

// wanted returns which of the platform's keys belong into our block: those that
// nobody else has put into the file. A key with options of the operator's is
// theirs: a second line without them would take the options away.
func (f keysFile) wanted(platform []key) []key {
	var out []key
	for _, k := range platform {
		if find(f.ours, k) != nil || find(f.foreign, k) == nil {
			out = append(out, k)
		}
	}
	return out
}

func find(keys []key, k key) *key {
	for i := range keys {
		if keys[i].blob == k.blob {
			return &keys[i]
		}
	}
	return nil
}
