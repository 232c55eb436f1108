package machines

import (
	"fmt"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/pkg/vms"
	"github.com/waddle-social/waddle/pkg/vms/images"
)

// teller puts the drivers' progress into the operation's journal.
type teller struct{ run *engine.Run }

func newTeller(run *engine.Run) *teller { return &teller{run} }

func (t *teller) say(message string, p *engine.Progress) {
	if t.run != nil && t.run.Report != nil {
		t.run.Report(message, p)
	}
}

// task reports a task of Proxmox: its last line, and the percentage that it names.
func (t *teller) task(e vms.Event) {
	message := e.VM + ": " + e.Op
	if n := len(e.Lines); n > 0 {
		message += ": " + e.Lines[n-1]
	}
	if e.Percent == 0 {
		t.say(message, nil)
		return
	}
	t.say(message, &engine.Progress{Done: int64(e.Percent), Total: 100, Unit: "percent"})
}

// download reports how far an image is.
func (t *teller) download(p images.Progress) {
	message := fmt.Sprintf("%s: %s downloads it", p.Image, p.By)
	if p.Rate > 0 {
		message += fmt.Sprintf(", %.1f MiB/s", p.Rate/(1<<20))
	}
	if p.Done < 0 {
		t.say(message, nil)
		return
	}
	t.say(message, &engine.Progress{Done: p.Done, Total: max(p.Total, 0), Unit: "bytes"})
}
