package opentofu

import (
	"fmt"
	"strings"
)

// body is what stands between the braces of a block.
type body struct {
	b      strings.Builder
	indent string
	attrs  [][2]string // not written yet: consecutive ones are aligned, as tofu fmt does
}

// set adds an attribute with an expression.
func (w *body) set(name, expression string) { w.attrs = append(w.attrs, [2]string{name, expression}) }

func (w *body) text(name, value string) { w.set(name, quote(value)) }

func (w *body) number(name string, n int) { w.set(name, fmt.Sprint(n)) }

func (w *body) yes(name string, b bool) { w.set(name, fmt.Sprint(b)) }

func (w *body) texts(name string, values []string) {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = quote(v)
	}
	w.set(name, "["+strings.Join(quoted, ", ")+"]")
}

func (w *body) flush() {
	widest := 0
	for _, a := range w.attrs {
		widest = max(widest, len(a[0]))
	}
	for _, a := range w.attrs {
		fmt.Fprintf(&w.b, "%s%-*s = %s\n", w.indent, widest, a[0], a[1])
	}
	w.attrs = nil
}

// comment is a line of its own.
func (w *body) comment(line string) {
	w.flush()
	fmt.Fprintf(&w.b, "%s# %s\n", w.indent, line)
}

func (w *body) blank() {
	w.flush()
	w.b.WriteString("\n")
}

// block adds a block; head is its type with its labels. An empty line stands before it, save at the beginning.
func (w *body) block(head string, fill func(*body)) {
	if w.flush(); w.b.Len() > 0 && !strings.HasSuffix(w.b.String(), "\n\n") {
		w.b.WriteString("\n")
	}
	w.beneath(head, fill)
}

// beneath is a block right below what stands before it, such as its comment.
func (w *body) beneath(head string, fill func(*body)) {
	w.flush()
	inner := &body{indent: w.indent + "  "}
	fill(inner)
	if inner.flush(); inner.b.Len() == 0 {
		fmt.Fprintf(&w.b, "%s%s {}\n", w.indent, head)
		return
	}
	fmt.Fprintf(&w.b, "%s%s {\n%s%s}\n", w.indent, head, inner.b.String(), w.indent)
}

func (w *body) String() string {
	w.flush()
	return w.b.String()
}

// quote writes a string literal. Templates are not wanted: ${ and %{ are doubled (HCL native syntax
// specification, "Template Literals").
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteRune('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case (r == '$' || r == '%') && strings.HasPrefix(s[i+1:], "{"):
			b.WriteRune(r)
			b.WriteRune(r)
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
