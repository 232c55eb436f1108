package schema

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

var (
	isInteger = regexp.MustCompile(`^[+-]?\d+$`)
	isNumber  = regexp.MustCompile(`^[+-]?(\d+\.?\d*|\.\d+)([Ee][+-]?\d+)?$`)
	indexed   = regexp.MustCompile(`^([a-z]+)(\d+)$`)
)

const unknown = "property is not defined in schema and the schema does not allow additional properties"

// Lookup finds the parameter of a name, also that of a numbered one (scsi3).
func (ps Params) Lookup(name string) (Param, bool) {
	if p, ok := ps[name]; ok && !strings.HasSuffix(name, "[n]") {
		return p, true
	}
	m := indexed.FindStringSubmatch(name)
	if m == nil {
		return Param{}, false
	}
	p, ok := ps[m[1]+"[n]"]
	n, err := strconv.Atoi(m[2])
	if !ok || err != nil || n >= Count[m[1]] || strconv.Itoa(n) != m[2] {
		return Param{}, false
	}
	return p, true
}

// Check returns what is wrong with the values: a text for each wrong parameter, in the words
// of PVE::JSONSchema. It returns nil when nothing is. With open, names that are not known pass.
func (ps Params) Check(values Values, open bool) map[string]string {
	errs := map[string]string{}
	ps.check("", values, open, errs)
	if len(errs) == 0 {
		return nil
	}
	return errs
}

func (ps Params) check(path string, values Values, open bool, errs map[string]string) {
	full := func(name string) string {
		if path == "" {
			return name
		}
		return path + "." + name
	}
	add := func(name, text string) {
		if _, there := errs[name]; !there {
			errs[name] = text
		}
	}
	for name, v := range values {
		p, ok := ps.Lookup(name)
		switch {
		case !ok && !open:
			add(full(name), unknown)
		case ok && p.Requires != "" && values[p.Requires] == nil:
			add(full(p.Requires), fmt.Sprintf("missing property required by '%s'", full(name)))
			fallthrough
		case ok:
			if text := p.wrong(full(name), v); text != "" {
				add(full(name), text)
			}
		}
	}
	for name, p := range ps {
		if !p.Optional && p.Alias == "" && !strings.HasSuffix(name, "[n]") && values[name] == nil {
			add(full(name), "property is missing and it is not optional")
		}
	}
}

// wrong says what is wrong with one value; "" means nothing. The first fault counts.
func (p Param) wrong(path string, v any) string {
	if list, ok := v.([]any); ok {
		if p.Type != Array {
			return fmt.Sprintf("type check ('%s') failed - got ARRAY", p.Type)
		}
		for _, item := range list {
			if _, ok := item.(string); !ok {
				return "type check ('string') failed"
			}
		}
		return ""
	}
	if p.Type == Array {
		return "type check ('array') failed"
	}
	if _, ok := v.(map[string]any); ok {
		return fmt.Sprintf("type check ('%s') failed - got HASH", p.Type)
	}
	if _, ok := v.(bool); ok && p.Type != Boolean {
		return fmt.Sprintf("type check ('%s') failed - got JSON::PP::Boolean", p.Type)
	}
	text := Text(v)
	if !typeFits(p.Type, text) {
		return fmt.Sprintf("type check ('%s') failed - got '%s'", p.Type, text)
	}
	if err := p.checkFormat(path, text); err != nil {
		return "invalid format - " + err.Error() + "\n"
	}
	return p.outOfBounds(text)
}

func typeFits(kind, text string) bool {
	switch kind {
	case Integer:
		return isInteger.MatchString(text)
	case Number:
		return isNumber.MatchString(text)
	case Boolean:
		return text == "1" || text == "0"
	}
	return true
}

func (p Param) checkFormat(path, text string) error {
	if p.Sub != nil {
		_, err := p.Sub.parse(path, text)
		return err
	}
	if p.Format == "" {
		return nil
	}
	return checkNamed(p.Format, path, text)
}

func (p Param) outOfBounds(text string) string {
	if p.Pattern != "" && !matches(p.Pattern, text) {
		return "value does not match the regex pattern"
	}
	if n := utf8.RuneCountInString(text); p.MaxLen > 0 && n > p.MaxLen {
		return fmt.Sprintf("value may only be %d characters long", p.MaxLen)
	} else if n < p.MinLen {
		return fmt.Sprintf("value must be at least %d characters long", p.MinLen)
	}
	if n, err := json.Number(strings.TrimPrefix(text, "+")).Float64(); err == nil {
		if p.Max != nil && n > *p.Max {
			return "value must have a maximum value of " + Text(*p.Max)
		}
		if p.Min != nil && n < *p.Min {
			return "value must have a minimum value of " + Text(*p.Min)
		}
	}
	if p.Enum == nil {
		return ""
	}
	for _, e := range p.Enum {
		if e == text {
			return ""
		}
	}
	return fmt.Sprintf("value '%s' does not have a value in the enumeration '%s'", text, strings.Join(p.Enum, ", "))
}

var compiled sync.Map // pattern to *regexp.Regexp: the tables' patterns, compiled at first use

func matches(pattern, text string) bool {
	re, ok := compiled.Load(pattern)
	if !ok {
		re, _ = compiled.LoadOrStore(pattern, regexp.MustCompile(`^(?:`+pattern+`)$`))
	}
	return re.(*regexp.Regexp).MatchString(text)
}
