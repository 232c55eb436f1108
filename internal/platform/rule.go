package platform

import (
	"fmt"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// leafKind is the YAML type that a leaf is written in.
type leafKind string

const (
	textLeaf   leafKind = "text"
	numberLeaf leafKind = "number"
)

// rule is what a leaf's type allows. The decoder, the validation, the JSON
// Schema and the reference page all read this one description.
type rule struct {
	kind    leafKind
	allowed string         // for people: what would be right
	pattern *regexp.Regexp // of a text; nil when anything goes
	noun    string         // what a text that matches is
	enum    []string       // of a text; nil when not enumerated
	max     int64          // the greatest number, or the greatest length of a text in bytes
	min     int64          // the least number
	example string
	secret  bool // a wrong value may be a secret: never repeat it
}

// ruled is a leaf type that describes itself.
type ruled interface{ rule() rule }

// explained is a leaf type with a rule that a pattern cannot say. The answer is
// what is wrong, or empty.
type explained interface{ wrong() string }

// For editors only: netip decides.
var (
	addrRE     = regexp.MustCompile(`^[0-9A-Fa-f.:]+$`)
	prefixRE   = regexp.MustCompile(`^[0-9A-Fa-f.:]+/[0-9]{1,3}$`)
	addrPortRE = regexp.MustCompile(`^([0-9.]+|\[[0-9A-Fa-f:]+\]):[0-9]{1,5}$`)
)

func oneOf(values ...string) rule {
	return rule{kind: textLeaf, enum: values, allowed: listed(values), example: values[0]}
}

// listed joins values as in a sentence.
func listed(values []string) string {
	if n := len(values); n > 2 {
		return strings.Join(values[:n-1], ", ") + " or " + values[n-1]
	}
	return strings.Join(values, " or ")
}

func matching(re *regexp.Regexp, maxLen int64, noun, allowed, example string) rule {
	return rule{kind: textLeaf, pattern: re, max: maxLen, noun: noun, allowed: allowed + ", e.g. " + example, example: example}
}

func between(lo, hi int64) rule {
	return rule{kind: numberLeaf, min: lo, max: hi, allowed: fmt.Sprintf("a whole number from %d to %d", lo, hi)}
}

// isLeaf reports whether t is written as one scalar.
func isLeaf(t reflect.Type) bool {
	switch t {
	case reflect.TypeFor[netip.Addr](), reflect.TypeFor[netip.Prefix](), reflect.TypeFor[netip.AddrPort]():
		return true
	}
	return t.Implements(reflect.TypeFor[ruled]())
}

// ruleOf returns the rule of a leaf type; ok is false when t is no leaf.
func ruleOf(t reflect.Type) (r rule, ok bool) {
	switch t {
	case reflect.TypeFor[netip.Addr]():
		return rule{kind: textLeaf, pattern: addrRE, allowed: "an IP address, e.g. 192.0.2.10", example: "192.0.2.10"}, true
	case reflect.TypeFor[netip.Prefix]():
		return rule{kind: textLeaf, pattern: prefixRE, allowed: "an IP address with a prefix length, e.g. 192.0.2.10/24", example: "192.0.2.10/24"}, true
	case reflect.TypeFor[netip.AddrPort]():
		return rule{kind: textLeaf, pattern: addrPortRE, allowed: "an IP address with a port, e.g. 10.10.0.1:3260", example: "10.10.0.1:3260"}, true
	}
	if d, is := reflect.Zero(t).Interface().(ruled); is {
		return d.rule(), true
	}
	return rule{}, false
}

// wrongLeaf says what is wrong with a leaf's value, or nothing.
func wrongLeaf(v reflect.Value) (message string, r rule) {
	r, _ = ruleOf(v.Type())
	if v.IsZero() && v.Kind() != reflect.Int {
		return "is empty", r
	}
	switch e := v.Interface().(type) {
	case explained:
		message = e.wrong()
	case netip.Addr, netip.Prefix, netip.AddrPort:
		message = wrongAddress(v.Interface())
	}
	switch {
	case message != "":
	case v.Kind() == reflect.String:
		message = wrongText(v.String(), r)
	case v.Kind() == reflect.Int:
		message = wrongNumber(v.Int(), r)
	}
	return message, r
}

func wrongText(s string, r rule) string {
	switch {
	case r.enum != nil && !slices.Contains(r.enum, s):
		return quote(s, r) + " is not known here"
	case r.max > 0 && int64(len(s)) > r.max:
		return fmt.Sprintf("%s is %d characters long, %d is the most", quote(s, r), len(s), r.max)
	case r.pattern != nil && !r.pattern.MatchString(s):
		return quote(s, r) + " is not " + r.noun
	}
	return ""
}

func wrongNumber(n int64, r rule) string {
	if n < r.min || n > r.max {
		return fmt.Sprintf("%d is out of range", n)
	}
	return ""
}

// quote repeats a wrong value, shortened, unless it may be a secret.
func quote(s string, r rule) string {
	if r.secret || looksSecret(s) {
		return "the value (not shown, because it may be a secret)"
	}
	if runes := []rune(s); len(runes) > 60 {
		s = string(runes[:57]) + "…"
	}
	return fmt.Sprintf("%q", s)
}
