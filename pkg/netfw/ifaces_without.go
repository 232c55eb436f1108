package netfw

import "strings"

// without returns the file without the stanzas of name and without name in the
// auto lines. Every other byte stays.
func (f ifFile) without(name string) []byte {
	drop := make([]bool, len(f.content))
	mark := func(from, to int) {
		for i := from; i < to; i++ {
			drop[i] = true
		}
	}
	for _, s := range f.stanzas {
		if s.name == name {
			mark(s.start, s.end)
			f.keepComments(s, drop)
		}
	}
	for _, l := range f.autos {
		f.markAuto(l, name, mark)
	}
	out := make([]byte, 0, len(f.content))
	for i, b := range f.content {
		if !drop[i] {
			out = append(out, b)
		}
	}
	return out
}

// keepComments keeps the operator's comment lines between a stanza's options.
func (f ifFile) keepComments(s ifStanza, drop []bool) {
	text := string(f.content)
	for pos := s.start; pos < s.end; {
		line, next := cutLine(text, pos)
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			for i := pos; i < next; i++ {
				drop[i] = false
			}
		}
		pos = next
	}
}

func (f ifFile) markAuto(l ifLine, name string, mark func(from, to int)) {
	others := 0
	for _, w := range l.words[1:] {
		if w != name {
			others++
		}
	}
	if others == len(l.words)-1 {
		return
	}
	if others == 0 {
		mark(l.start, l.end)
		return
	}
	text := string(f.content[l.start:l.end])
	for i := 0; i < len(text); {
		j := i
		for j < len(text) && isBlank(text[j]) {
			j++
		}
		k := j
		for k < len(text) && !isBlank(text[k]) {
			k++
		}
		if text[j:k] == name {
			mark(l.start+i, l.start+k)
		}
		i = max(k, i+1)
	}
}

func isBlank(b byte) bool { return b == ' ' || b == '\t' || b == '\n' || b == '\r' }
