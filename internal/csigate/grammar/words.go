package grammar

import "strings"

// words is what stands between single spaces; a space within double quotes is
// part of its word. Two spaces in a row make an empty word, which no command has.
type words struct {
	left  []string
	verb  string
	fault error
}

func split(s string) (words, error) {
	var all []string
	start, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ' ' && !quoted:
			all = append(all, s[start:i])
			start = i + 1
		}
	}
	if quoted {
		return words{}, refuse("the command ends within double quotes; it was cut off on the way, or a name in it has a quote")
	}
	all = append(all, s[start:])
	return words{left: all[1:], verb: all[0]}, nil
}

// next takes the next word, or an empty one at the end.
func (w *words) next() string {
	if len(w.left) == 0 {
		w.fail(refuse("zfs %s ends too early; the command was cut off on the way", w.verb))
		return ""
	}
	first := w.left[0]
	w.left = w.left[1:]
	return first
}

// take takes the next word if it is s.
func (w *words) take(s string) bool {
	if len(w.left) == 0 || w.left[0] != s {
		return false
	}
	w.left = w.left[1:]
	return true
}

// expect takes the words of s, which have to be there.
func (w *words) expect(s string) {
	for _, want := range strings.Fields(s) {
		if is := w.next(); is != want && w.fault == nil {
			w.fail(refuse("zfs %s has %s where the driver writes %s", w.verb, quote(is), want))
		}
	}
}

func (w *words) fail(err error) {
	if w.fault == nil {
		w.fault = err
	}
}

func (w *words) object(l Layout) Object {
	word := w.next()
	if w.fault != nil {
		return Object{}
	}
	o, err := l.object(word)
	w.fail(err)
	return o
}

// last is object for the last word of a command. What follows is nearly always
// a name with a space in it, an injection or an unlucky id.
func (w *words) last(l Layout) Object {
	o := w.object(l)
	if w.fault == nil && len(w.left) > 0 {
		w.fail(refuse("%s stands behind the name %s: a name has no spaces, and nothing after it is run", quote(strings.Join(w.left, " ")), o.Name(l)))
	}
	return o
}

// options reads properties, each behind its flag when there is one.
func (w *words) options(flag string) []Property {
	var all []Property
	for w.fault == nil && len(w.left) > 0 {
		if flag != "" {
			if !w.take(flag) {
				return all
			}
		} else if len(w.left) == 1 {
			return all
		}
		p, err := property(w.next())
		if err != nil {
			w.fail(err)
			return nil
		}
		all = append(all, p)
	}
	return all
}

// names reads a list of property names.
func (w *words) names() []string {
	all := strings.Split(w.next(), ",")
	for _, n := range all {
		if w.fault == nil && (len(n) > maxName || !propertyName.MatchString(n)) {
			w.fail(refuse("%s is no name of a property", quote(n)))
		}
	}
	return all
}
