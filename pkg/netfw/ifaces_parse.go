package netfw

import (
	"strings"
)

// ifLine is one logical line of an interfaces(5) file: continuation lines are
// joined in words, and start and end are byte offsets that include the newline.
type ifLine struct {
	start, end int
	words      []string
}

func (l ifLine) keyword() string { return l.words[0] }

// ifStanza is one `iface` stanza.
type ifStanza struct {
	file       string // on the host
	name       string
	family     string // inet, inet6, or "" (ifupdown2)
	method     string // static, manual, dhcp, or "" (ifupdown2)
	options    []ifOption
	start, end int // bytes, from the iface line to the last option
}

type ifOption struct{ key, value string }

// ifFile is what is understood of an interfaces(5) file.
type ifFile struct {
	content []byte
	stanzas []ifStanza
	autos   []ifLine // auto, allow-auto and allow-hotplug lines
	sources []ifLine // source and source-directory lines
}

// parseInterfaces never fails: what it does not understand it leaves alone.
func parseInterfaces(content []byte) ifFile {
	f := ifFile{content: content}
	open := -1 // the stanza that takes options, an index of f.stanzas
	for _, l := range ifLines(string(content)) {
		switch k := l.keyword(); {
		case k == "iface":
			f.stanzas = append(f.stanzas, newStanza(l))
			open = len(f.stanzas) - 1
		case isAuto(k):
			f.autos, open = append(f.autos, l), -1
		case k == "source" || k == "source-directory":
			f.sources, open = append(f.sources, l), -1
		case k == "mapping" || strings.HasPrefix(k, "allow-") || strings.HasPrefix(k, "no-auto") || k == "rename" || k == "template" || k == "vlan":
			open = -1
		case open >= 0:
			s := &f.stanzas[open]
			s.options = append(s.options, ifOption{strings.ReplaceAll(k, "_", "-"), strings.Join(l.words[1:], " ")})
			s.end = l.end
		}
	}
	return f
}

func isAuto(keyword string) bool {
	return keyword == "auto" || keyword == "allow-auto" || keyword == "allow-hotplug"
}

func newStanza(l ifLine) ifStanza {
	s := ifStanza{start: l.start, end: l.end}
	for i, to := range []*string{&s.name, &s.family, &s.method} {
		if i+1 < len(l.words) {
			*to = l.words[i+1]
		}
	}
	return s
}

// ifLines splits into logical lines without comments and empty ones. A comment
// does not continue on the next line, an option does (interfaces(5)).
func ifLines(s string) []ifLine {
	var out []ifLine
	for pos := 0; pos < len(s); {
		l := ifLine{start: pos}
		var text strings.Builder
		for {
			line, next := cutLine(s, pos)
			pos = next
			comment := text.Len() == 0 && strings.HasPrefix(strings.TrimSpace(line), "#")
			body, continued := strings.CutSuffix(line, "\\")
			if comment || !continued || pos >= len(s) {
				if !comment {
					text.WriteString(line)
				}
				break
			}
			text.WriteString(body + " ")
		}
		l.end = pos
		if l.words = strings.Fields(text.String()); len(l.words) > 0 {
			out = append(out, l)
		}
	}
	return out
}

func cutLine(s string, from int) (line string, next int) {
	if i := strings.IndexByte(s[from:], '\n'); i >= 0 {
		return s[from : from+i], from + i + 1
	}
	return s[from:], len(s)
}
