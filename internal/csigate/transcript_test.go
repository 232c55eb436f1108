package csigate_test

import (
	"testing"

	"github.com/waddle-social/waddle/internal/csigate/csigatetest"
)

func TestTranscriptOfEveryCommandShape(t *testing.T) {
	for name, wire := range map[string]func(*world) csigatetest.Wire{
		"all on one connection":         func(w *world) csigatetest.Wire { return w },
		"a connection for each command": func(w *world) csigatetest.Wire { return w.each() },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t).start()
			rows := w.d.Transcript()
			csigatetest.Replay(t, wire(w), rows)
			if v, targets, b := w.left(); v+targets+b != 0 {
				t.Errorf("%d volumes, %d targets, %d backstores are left", v, targets, b)
			}
			if n := len(w.records()); n != len(rows) {
				t.Errorf("%d audit records for %d commands", n, len(rows))
			}
			t.Logf("%d commands", len(rows))
		})
	}
}
