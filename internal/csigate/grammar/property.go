package grammar

import (
	"regexp"
	"strings"
)

// Property is a name="value" pair of create, set, snapshot or clone.
type Property struct{ Name, Value string }

var propertyName = regexp.MustCompile(`^[a-z][a-z0-9_.-]*(:[a-z0-9_.:-]+)?$`)

// maxValue is ZFS_MAX_USERPROP_VALUE_LEN (8192) without its NUL.
const maxValue = 8191

// shellQuoted is what the driver puts a backslash before: the characters that
// have a meaning within double quotes (escapeShell in its zfs.js).
const shellQuoted = "\"$`\\"

func (p Property) render() string {
	var b strings.Builder
	b.WriteString(p.Name + `="`)
	for i := 0; i < len(p.Value); i++ {
		if strings.IndexByte(shellQuoted, p.Value[i]) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(p.Value[i])
	}
	b.WriteByte('"')
	return b.String()
}

func renderProperties(prefix string, all []Property) string {
	var b strings.Builder
	for _, p := range all {
		b.WriteString(" " + prefix + p.render())
	}
	return b.String()
}

// property reads a word name="value".
func property(word string) (Property, error) {
	name, rest, found := strings.Cut(word, "=")
	if !found || !propertyName.MatchString(name) {
		return Property{}, refuse(`%s stands where name="value" is expected`, quote(word))
	}
	if len(rest) < 2 || rest[0] != '"' || rest[len(rest)-1] != '"' {
		return Property{}, refuse("the value of %s is not within double quotes", quote(name))
	}
	var value strings.Builder
	for i, body := 0, rest[1:len(rest)-1]; i < len(body); i++ {
		c := body[i]
		switch {
		case c == '\\' && i+1 < len(body) && strings.IndexByte(shellQuoted, body[i+1]) >= 0:
			i++
			c = body[i]
		case strings.IndexByte(shellQuoted, c) >= 0:
			return Property{}, refuse("the value of %s has %q without a backslash before it", quote(name), string(c))
		}
		value.WriteByte(c)
	}
	v := value.String()
	if len(v) > maxValue {
		return Property{}, refuse("the value of %s has %d bytes, zfs allows %d", quote(name), len(v), maxValue)
	}
	if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' }) {
		return Property{}, refuse("the value of %s has a control character in it or is not UTF-8", quote(name))
	}
	return Property{Name: name, Value: v}, nil
}
