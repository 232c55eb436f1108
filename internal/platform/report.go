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
	sort.SliceStable(fields, func(i, j int) bool {
		return spot{fields[i].Line, fields[i].Column}.before(spot{fields[j].Line, fields[j].Column})
	})
	more := len(fields) - maxFaults
	if more > 0 {
		fields = fields[:maxFaults]
	}
	r.quote(fields, hidden)
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
	x.Line, x.Column = where.line, where.column
	return x
}

// quote adds the source lines, except those that may show a secret.
func (r *report) quote(fields []problem.Field, hidden map[int]bool) {
	source := map[int]string{}
	for i, f := range fields {
		if f.Line == 0 || hidden[f.Line] {
			continue
		}
		if _, known := source[f.Line]; !known {
			source[f.Line] = shown(r.lines[f.Line-1])
		}
		fields[i].Source = source[f.Line]
	}
}

// shown is a line, shortened; empty when it may show a secret.
func shown(line string) string {
	if hidesSecret(line) {
		return ""
	}
	if runes := []rune(line); len(runes) > 200 {
		return string(runes[:199]) + "…"
	}
	return line
}
