package netfw

import "regexp"

var counters = regexp.MustCompile(`\[\d+:\d+\]|packets \d+ bytes \d+`)

// dropCounters takes out of a listing what changes with every packet.
func dropCounters(s string) string { return counters.ReplaceAllString(s, "-") }
