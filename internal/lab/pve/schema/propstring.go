package schema

import (
	"fmt"
	"sort"
	"strings"
)

// Faults are what is wrong with a property string: a text for each property.
type Faults map[string]string

// Error is what Proxmox makes of it: one line for each property, sorted.
func (f Faults) Error() string {
	names := make([]string, 0, len(f))
	for name := range f {
		names = append(names, name)
	}
	sort.Strings(names)
	var b strings.Builder
	b.WriteString("format error")
	for _, name := range names {
		b.WriteString("\n" + name + ": " + f[name])
	}
	return b.String()
}

// Parse takes a property string apart (scsi0=local:1,discard=on). path is the
// parameter's name, which errors begin with.
func (ps Params) Parse(path, text string) (map[string]string, error) { return ps.parse(path, text) }

func (ps Params) parse(path, text string) (map[string]string, error) {
	got := map[string]string{}
	bare := false
	for part := range strings.SplitSeq(text, ",") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		key, value, keyed := strings.Cut(part, "=")
		var err error
		switch {
		case keyed && key != "" && value != "":
			err = ps.keyed(got, key, value)
		case !keyed:
			err = ps.bare(got, part, &bare)
		default:
			err = fmt.Errorf("missing key in comma-separated list property")
		}
		if err != nil {
			return nil, err
		}
	}
	values := Values{}
	for k, v := range got {
		values[k] = v
	}
	errs := Faults{}
	ps.check(path, values, false, errs)
	if len(errs) > 0 {
		return nil, errs
	}
	return got, nil
}

func (ps Params) keyed(got map[string]string, key, value string) error {
	if _, twice := got[key]; twice {
		return fmt.Errorf("duplicate key in comma-separated list property: %s", key)
	}
	p, known := ps[key]
	if known && p.Alias != "" {
		if p.KeyAlias != "" {
			if _, twice := got[p.KeyAlias]; twice {
				return fmt.Errorf("key alias '%s' is already defined", p.KeyAlias)
			}
			got[p.KeyAlias] = key
		}
		key = p.Alias
		if _, twice := got[key]; twice {
			return fmt.Errorf("key '%s' is already defined (via alias)", key)
		}
		p, known = ps[key]
	}
	if !known {
		return fmt.Errorf("invalid key in comma-separated list property: %s", key)
	}
	if p.Type == Boolean {
		value = truth(value)
	}
	got[key] = value
	return nil
}

func (ps Params) bare(got map[string]string, value string, seen *bool) error {
	for key, p := range ps {
		if !p.Default {
			continue
		}
		if _, twice := got[key]; twice || *seen {
			return fmt.Errorf("duplicate key in comma-separated list property: %s", key)
		}
		*seen = true
		if p.Type == Boolean {
			value = truth(value)
		}
		got[key] = value
		return nil
	}
	return fmt.Errorf("value without key, but schema does not define a default key")
}

// truth turns the words for yes and no that a property string may use into 1 and 0.
func truth(s string) string {
	switch strings.ToLower(s) {
	case "1", "on", "yes", "true":
		return "1"
	case "0", "off", "no", "false":
		return "0"
	}
	return s
}

// Print writes a property string as Proxmox keeps it: the default property without its
// key, an aliased key (virtio=MAC) under the name that was used, the rest sorted.
func (ps Params) Print(got map[string]string) string {
	var first, rest []string
	done := map[string]bool{}
	for key, p := range ps {
		if p.KeyAlias != "" && got[p.KeyAlias] == key && got[p.Alias] != "" {
			first = append(first, key+"="+got[p.Alias])
			done[p.Alias], done[p.KeyAlias] = true, true
		}
	}
	for key, p := range ps {
		if p.Default && got[key] != "" && !done[key] {
			first = append([]string{got[key]}, first...)
			done[key] = true
		}
	}
	for key, value := range got {
		if !done[key] && value != "" {
			rest = append(rest, key+"="+value)
		}
	}
	sort.Strings(rest)
	return strings.Join(append(first, rest...), ",")
}
