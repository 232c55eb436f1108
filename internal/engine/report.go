package engine

import (
	"sync"
	"time"
)

// reportEvery is the shortest time between two progress events of a step: a
// download that reports each block must not become thousands of disk writes.
const reportEvery = 250 * time.Millisecond

// reporter turns a step's reports into events, the latest at least.
type reporter struct {
	r    *runner
	i    int
	step string

	mu      sync.Mutex
	wrote   time.Time
	waiting *Event // the latest report that was not written yet
	timer   *time.Timer
	closed  bool
}

func newReporter(r *runner, i int, step string) *reporter {
	return &reporter{r: r, i: i, step: step}
}

func (p *reporter) run() *Run {
	return &Run{Operation: p.r.op.ID, Consent: p.r.op.Consent, Report: p.report}
}

func (p *reporter) report(message string, progress *Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	ev := Event{Type: EventProgress, Operation: p.r.op.ID, Step: p.step, State: string(StepRunning), Message: message, Time: time.Now().UTC()}
	if progress != nil {
		copied := *progress
		ev.Progress = &copied
	}
	p.waiting = &ev
	if wait := reportEvery - time.Since(p.wrote); wait > 0 {
		if p.timer == nil {
			p.timer = time.AfterFunc(wait, p.flush)
		}
		return
	}
	p.write()
}

func (p *reporter) flush() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer = nil
	p.write()
}

// write puts the waiting report into the journal and the step's message.
func (p *reporter) write() {
	if p.waiting == nil || p.closed {
		return
	}
	ev := *p.waiting
	p.waiting, p.wrote = nil, time.Now()
	p.r.progress(p.i, ev)
}

// close writes what is waiting. Reports that come later are lost: the step has
// returned.
func (p *reporter) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timer != nil {
		p.timer.Stop()
	}
	p.write()
	p.closed = true
}

// progress writes ev and remembers its message; the state stays.
func (r *runner) progress(i int, ev Event) {
	if r.stopped() != nil {
		return
	}
	s := r.now(i)
	s.Message = ev.Message
	err := r.e.journal.write("step-progress", func(c *change) error {
		if err := c.step(r.op.ID, i, s); err != nil {
			return err
		}
		return c.events(ev)
	})
	if err != nil {
		r.halt(err)
		return
	}
	r.mu.Lock()
	r.op.Steps[i].Message = ev.Message
	r.mu.Unlock()
}
