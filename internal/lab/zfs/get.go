package zfs

import (
	"slices"
	"sort"
	"strconv"
	"strings"

	driver "github.com/waddle-social/waddle/pkg/zfs"
)

func (p *Pool) get(args []string) (string, error) {
	o, err := getopt(args, "Hprd:o:t:s:")
	if err != nil {
		return "", err
	}
	if err := o.operands(2, 0); err != nil {
		return "", err
	}
	fields := split(o.values['o'])
	if len(fields) == 0 {
		fields = []string{"name", "property", "value", "source"}
	}
	properties := strings.Split(o.rest[0], ",")
	for _, name := range properties {
		if !known(name) {
			return "", misuse("bad property list: invalid property '" + name + "'")
		}
	}
	names, missing, err := p.selected(o, o.rest[1:], split(o.values['t']))
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, name := range names {
		n := p.nodes[name]
		for _, property := range p.expand(n, properties) {
			value, source := p.value(n, property)
			if value == "-" && source == "-" && !strings.Contains(property, ":") && len(properties) > 0 && properties[0] == "all" {
				continue
			}
			columns := map[string]string{"name": name, "property": canonical(property), "value": value, "received": "-", "source": source}
			writeColumns(&b, fields, columns)
		}
	}
	return b.String(), missing
}

func writeColumns(b *strings.Builder, fields []string, columns map[string]string) {
	for i, f := range fields {
		if i > 0 {
			b.WriteByte('\t')
		}
		b.WriteString(columns[f])
	}
	b.WriteByte('\n')
}

// expand replaces "all" by everything that the dataset has.
func (p *Pool) expand(n *node, properties []string) []string {
	if !slices.Contains(properties, "all") {
		return properties
	}
	all := append([]string(nil), readOnly[1:]...)
	for name := range natives {
		all = append(all, name)
	}
	for up := n.Name; up != ""; up = above(up) {
		for name := range p.nodes[up].Props {
			if strings.Contains(name, ":") && !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	sort.Strings(all)
	return all
}

func known(property string) bool {
	property = canonical(property)
	_, native := natives[property]
	return native || property == "all" || strings.Contains(property, ":") || slices.Contains(readOnly, property)
}

func (p *Pool) list(args []string) (string, error) {
	o, err := getopt(args, "Hprd:o:t:s:S:")
	if err != nil {
		return "", err
	}
	columns := split(o.values['o'])
	if len(columns) == 0 {
		columns = []string{"name", "used", "available", "referenced", "mountpoint"}
	}
	for _, c := range columns {
		if !known(c) || c == "all" {
			return "", misuse("bad property list: invalid property '" + c + "'")
		}
	}
	targets := o.rest
	if len(targets) == 0 {
		targets = []string{p.o.Pool}
		o.flags += "r"
	}
	names, missing, err := p.selected(o, targets, split(o.values['t']))
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, name := range names {
		values := make([]string, len(columns))
		for i, c := range columns {
			values[i], _ = p.value(p.nodes[name], c)
		}
		b.WriteString(strings.Join(values, "\t") + "\n")
	}
	return b.String(), missing
}

// selected returns the names that the targets, -r, -d and -t ask for, and the
// error of a target that is not there; the others are printed all the same.
func (p *Pool) selected(o options, targets, types []string) (names []string, missing, err error) {
	depth := 0
	if o.has('r') {
		depth = 1 << 30
	}
	if d, ok := o.last('d'); ok {
		n, bad := strconv.Atoi(d)
		if bad != nil {
			return nil, nil, misuse(d + " is not a number")
		}
		depth = n
	}
	var texts []string
	for _, t := range targets {
		n := p.nodes[t]
		if n == nil {
			texts = append(texts, "cannot open '"+t+"': dataset does not exist")
			continue
		}
		if wanted(n, types, depth > 0) {
			names = append(names, t)
		} else if depth == 0 {
			texts = append(texts, "cannot open '"+t+"': operation not applicable to datasets of this type")
		}
		if depth == 0 {
			continue
		}
		for _, b := range p.below(t) {
			levels := strings.Count(b, "/") + strings.Count(b, "@") - strings.Count(t, "/")
			if levels <= depth && wanted(p.nodes[b], types, true) {
				names = append(names, b)
			}
		}
	}
	if len(texts) > 0 {
		missing = refusal(strings.Join(texts, "\n"))
	}
	return names, missing, nil
}

// wanted applies -t. Without it a recursive get or list shows datasets, not
// their snapshots.
func wanted(n *node, types []string, recursive bool) bool {
	if len(types) == 0 {
		return !recursive || n.Type != driver.Snapshots
	}
	for _, t := range types {
		switch t {
		case "all", n.Type, n.Type[:1], "snap":
			if t != "snap" || n.Type == driver.Snapshots {
				return true
			}
		}
	}
	return false
}
