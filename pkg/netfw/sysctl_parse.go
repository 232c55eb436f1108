package netfw

import (
	"bytes"
	"strings"
)

// forwardingKeys are the two names of one switch: the kernel sets the one when
// the other is written (Documentation/networking/ip-sysctl.rst).
var forwardingKeys = []string{"net.ipv4.ip_forward", "net.ipv4.conf.all.forwarding"}

// sysctlLine is a line of a sysctl.d(5) file that sets IPv4 forwarding.
type sysctlLine struct {
	start, end int // bytes, with the newline
	key        string
	value      string
}

// parseSysctl returns the lines that set IPv4 forwarding, in order.
func parseSysctl(content []byte) []sysctlLine {
	var out []sysctlLine
	text := string(content)
	for pos := 0; pos < len(text); {
		line, next := cutLine(text, pos)
		if key, value, ok := sysctlAssignment(line); ok && isForwardingKey(key) {
			out = append(out, sysctlLine{pos, next, key, value})
		}
		pos = next
	}
	return out
}

// sysctlAssignment reads "key = value". A leading minus only silences errors;
// slashes may stand for dots (sysctl.d(5)).
func sysctlAssignment(line string) (key, value string, ok bool) {
	line = strings.TrimSpace(line)
	if line == "" || line[0] == '#' || line[0] == ';' {
		return "", "", false
	}
	key, value, ok = strings.Cut(strings.TrimPrefix(line, "-"), "=")
	return strings.ReplaceAll(strings.TrimSpace(key), "/", "."), strings.TrimSpace(value), ok
}

func isForwardingKey(key string) bool {
	return key == forwardingKeys[0] || key == forwardingKeys[1]
}

// withoutOn takes the lines out that switch forwarding on, and nothing else.
func withoutOn(content []byte) []byte {
	var out bytes.Buffer
	pos := 0
	for _, l := range parseSysctl(content) {
		if l.value == "1" {
			out.Write(content[pos:l.start])
			pos = l.end
		}
	}
	out.Write(content[pos:])
	return out.Bytes()
}
