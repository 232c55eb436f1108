package platform

import (
	"fmt"
	"sort"
	"strings"

	"github.com/waddle-social/waddle/internal/problem"
)

// maxFaults is how many faults one report shows.
const maxFaults = 100

// report turns faults into the problem that the operator reads.
type report struct {
	file   string
	lines  []string
	spots  map[string]spot
	at     map[*fault]spot
	values func(path string) string // the value in effect, for what the file leaves out
}

func (r *report) problem(list []*fault) error {
	if len(list) == 0 {
		return nil
	}
	fields, hidden := make([]problem.Field, 0, len(list)), map[int]bool{}
	for _, f := range list {
		x := r.field(f)
		fields = append(fields, x)
		hidden[x.Line] = hidden[x.Line] || f.hidden || strings.HasPrefix(x.Path, "spec.secrets")
	}
	for i := range fields {
		if hidden[fields[i].Line] {
			fields[i].Source = ""
		}
	}
	sort.SliceStable(fields, func(i, j int) bool {
		return spot{fields[i].Line, fields[i].Column}.before(spot{fields[j].Line, fields[j].Column})
	})
	more := len(fields) - maxFaults
	if more > 0 {
		fields = fields[:maxFaults]
	}
	text := make([]string, 0, len(fields)+1)
	for _, f := range fields {
		text = append(text, Line(f))
	}
	if more > 0 {
		text = append(text, fmt.Sprintf("%s: and %d more errors", r.file, more))
	}
	return &problem.Error{Code: problem.InvalidPlatform, Detail: strings.Join(text, "\n"), Fields: fields,
		Hint: "correct the platform file and check it again with: waddle platform validate FILE"}
}

// Line is a fault as one line: file:line:column: path: what is wrong; allowed: what would be right.
func Line(f problem.Field) string {
	var b strings.Builder
	if f.File != "" {
		b.WriteString(f.File + ":")
	}
	if f.Line > 0 {
		fmt.Fprintf(&b, "%d:%d:", f.Line, f.Column)
	}
	if b.Len() > 0 {
		b.WriteString(" ")
	}
	b.WriteString(f.Path + ": " + f.Message)
	if f.Allowed != "" {
		b.WriteString("; allowed: " + f.Allowed)
	}
	return b.String()
}

func (r *report) field(f *fault) problem.Field {
	path, other := f.path, ""
	if len(f.others) > 0 {
		other = f.others[0]
		if f.either && r.saysLater(other, path) {
			path, other = other, path
		}
	}
	if path == "" {
		path = wholeDocument
	}
	x := problem.Field{Path: path, File: r.file, Message: f.message, Allowed: f.allowed}
	if other != "" {
		x.Message = strings.ReplaceAll(f.message, "{other}", r.name(other))
	}
	if r.lines == nil {
		return x
	}
	where, own := r.at[f]
	if !own {
		where = r.locate(path, other)
	}
	where = r.inside(where)
	x.Line, x.Column, x.Source = where.line, where.column, r.source(where.line)
	return x
}

// saysLater reports whether the file says a, and says b earlier or not at all.
func (r *report) saysLater(a, b string) bool {
	sa, hasA := r.spots[a]
	sb, hasB := r.spots[b]
	return hasA && (!hasB || sb.before(sa))
}

// name is a path with the place where the file says it, or with its default.
func (r *report) name(path string) string {
	if s, has := r.spots[path]; has {
		return fmt.Sprintf("%s (line %d, column %d)", path, s.line, s.column)
	}
	if r.values == nil {
		return path
	}
	if v := r.values(path); v != "" {
		return fmt.Sprintf("%s (%s by default)", path, v)
	}
	return path + " (by default)"
}

// locate is the place of path, else of the other path, else of what encloses path.
func (r *report) locate(path, other string) spot {
	if s, has := r.spots[path]; has {
		return s
	}
	if s, has := r.spots[other]; has && other != "" {
		return s
	}
	for p := parent(path); p != ""; p = parent(p) {
		if s, has := r.spots[p]; has {
			return s
		}
	}
	return r.spots[""]
}

// inside corrects places that the YAML parser puts behind the end.
func (r *report) inside(s spot) spot {
	s.line = max(1, min(s.line, len(r.lines)))
	s.column = max(1, min(s.column, len([]rune(r.lines[s.line-1]))+1))
	return s
}

// source is the line, shortened; a line that may show a secret stays away.
func (r *report) source(line int) string {
	text := r.lines[line-1]
	if hidesSecret(text) {
		return ""
	}
	if runes := []rune(text); len(runes) > 200 {
		return string(runes[:199]) + "…"
	}
	return text
}
