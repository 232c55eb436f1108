package appliance

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// systemd's message ids: sd-messages.h.
const (
	unitStarting = "7d4958e842da4a758f6c1cdc7b36dcc5"
	unitFinished = "39f53479d3a045ac8e11786248231fbf"
	unitFailed   = "be02cf6855d2428ba40df7e9d022f03d"
)

// entry is one message of this boot's journal.
type entry struct {
	MessageID string `json:"MESSAGE_ID"`
	Unit      string `json:"UNIT"`
	Transport string `json:"_TRANSPORT"`
	Text      any    `json:"MESSAGE"` // a string, or bytes where it is none
	Received  string `json:"__MONOTONIC_TIMESTAMP"`
	Sent      string `json:"_SOURCE_MONOTONIC_TIMESTAMP"` // the kernel's own time
}

// at is when it was sent, in seconds since the boot.
func (e entry) at(t *testing.T) float64 {
	t.Helper()
	text := e.Received
	if e.Sent != "" {
		text = e.Sent
	}
	microseconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatalf("the journal's time %q of %v: %v", text, e.Text, err)
	}
	return float64(microseconds) / 1e6
}

// linkUp is what the kernel says when it takes a port into use.
var linkUp = regexp.MustCompile(`\b(eth0|vmbr[01])\b.*(entered|becomes ready|Link is up)`)

// rulesBeforeTheNetwork reads from the journal's monotonic times that the rules'
// unit had ended, as end says, before anything of the network began.
func rulesBeforeTheNetwork(t *testing.T, vm *VM, end string) {
	t.Helper()
	journal := journalOf(t, vm)
	first := func(what string, is func(entry) bool) float64 {
		for _, e := range journal {
			if is(e) {
				return e.at(t)
			}
		}
		t.Fatalf("the journal of this boot has nothing of %s", what)
		return 0
	}
	of := func(unit, id string) float64 {
		return first(unit, func(e entry) bool { return e.Unit == unit && e.MessageID == id })
	}
	loaded := of("waddled-firewall.service", end)
	later := map[string]float64{
		"network-pre.target": of("network-pre.target", unitFinished),
		"networking.service": of("networking.service", unitStarting),
		"waddled.service":    of("waddled.service", unitStarting),
		"the first link": first("a link that goes up", func(e entry) bool {
			text, _ := e.Text.(string)
			return e.Transport == "kernel" && linkUp.MatchString(text)
		}),
	}
	for what, at := range later {
		if at <= loaded {
			t.Errorf("the rules' unit ended %.3f s after the boot, %s began at %.3f s", loaded, what, at)
		}
	}
	t.Logf("since the boot: rules' unit began %.2f s and ended %.2f s, network-pre.target %.2f s, networking %.2f s, first link up %.2f s",
		of("waddled-firewall.service", unitStarting), loaded, later["network-pre.target"], later["networking.service"], later["the first link"])
}

func journalOf(t *testing.T, vm *VM) []entry {
	t.Helper()
	var journal []entry
	for line := range strings.Lines(run(t, vm, "journalctl -b -o json --output-fields=MESSAGE,MESSAGE_ID,UNIT,_TRANSPORT,_SOURCE_MONOTONIC_TIMESTAMP")) {
		var e entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		journal = append(journal, e)
	}
	return journal
}
