package grammar

import (
	"regexp"
	"strings"
)

// lines is what is left of a targetcli script.
type lines struct {
	left  []string
	fault error
}

func (r *lines) fail(err error) {
	if r.fault == nil {
		r.fault = err
	}
}

func (r *lines) next() string {
	if len(r.left) == 0 {
		r.fail(refuse("the targetcli script ends too early; it was cut off on the way, and nothing of it was run"))
		return ""
	}
	first := r.left[0]
	r.left = r.left[1:]
	return first
}

func (r *lines) take(line string) bool {
	if len(r.left) == 0 || r.left[0] != line {
		return false
	}
	r.left = r.left[1:]
	return true
}

func (r *lines) expect(all ...string) {
	for _, want := range all {
		if is := r.next(); is != want {
			r.fail(refuse("the targetcli script has the line %s where the driver writes %s; nothing of it was run", redactedQuote(is), quote(want)))
		}
	}
}

// rest takes a line that starts with prefix and returns what follows.
func (r *lines) rest(prefix string, form *regexp.Regexp, what string) string {
	line := r.next()
	value, found := strings.CutPrefix(line, prefix)
	if !found || !form.MatchString(value) {
		r.fail(refuse("the targetcli script has the line %s where %swith the name is expected; nothing of it was run (%s: lower case letters, digits, - . : _)", redactedQuote(line), prefix, what))
		return ""
	}
	return value
}

func (r *lines) attributes() []Attribute {
	var all []Attribute
	for len(r.left) > 0 && strings.HasPrefix(r.left[0], "set attribute ") {
		name, value, _ := strings.Cut(r.next()[len("set attribute "):], "=")
		if !attributeName.MatchString(name) || !attributeNum.MatchString(value) {
			r.fail(refuse("attribute %s is not a name and a decimal number", redactedQuote(name+"="+value)))
			return nil
		}
		all = append(all, Attribute{Name: name, Value: value})
	}
	return all
}

func (r *lines) auth() []Auth {
	var all []Auth
	for len(r.left) > 0 && strings.HasPrefix(r.left[0], "set auth ") {
		name, value, _ := strings.Cut(r.next()[len("set auth "):], "=")
		if !authName.MatchString(name) || !authValue.MatchString(value) {
			r.fail(refuse("the CHAP line for %s is not one of userid, password, mutual_userid and mutual_password with a value of letters, digits and . _ -", quote(name)))
			return nil
		}
		all = append(all, Auth{Name: name, Value: value})
	}
	return all
}

// extent reads `create <asset> /dev/zvol/<volume>`.
func (r *lines) extent(l Layout) (string, Object) {
	line := r.next()
	f := strings.Split(line, " ")
	if len(f) != 3 || f[0] != "create" || !asset.MatchString(f[1]) || !strings.HasPrefix(f[2], deviceStart) {
		r.fail(refuse("the targetcli script has the line %s where a backstore and its device are expected; nothing of it was run", redactedQuote(line)))
		return "", Object{}
	}
	o, err := l.object(f[2][len(deviceStart):])
	if err == nil && !o.IsVolume() {
		err = refuse("device %s is not a volume's", quote(f[2]))
	}
	r.fail(err)
	return f[1], o
}
