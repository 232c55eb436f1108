package images

import "time"

// Progress is how far a download is. It is told about once a second, and at the end.
type Progress struct {
	Image string
	By    string  // "Proxmox" or "waddled"
	Done  int64   // bytes, those of an earlier run included; -1 when Proxmox does not say
	Total int64   // bytes, -1 when unknown
	Rate  float64 // bytes a second, over this run; 0 when unknown
}

// meter counts, and tells the callback at most once a second.
type meter struct {
	tell  func(Progress)
	p     Progress
	start time.Time
	first int64 // where this run began
	told  time.Time
}

func newMeter(image string, src source, at int64, tell func(Progress)) *meter {
	now := time.Now()
	return &meter{tell: tell, p: Progress{Image: image, By: "waddled", Done: at, Total: src.Size}, start: now, first: at, told: now}
}

func (m *meter) add(n int) {
	m.p.Done += int64(n)
	if now := time.Now(); now.Sub(m.told) >= time.Second {
		m.say(now)
	}
}

func (m *meter) say(now time.Time) {
	m.told = now
	if s := now.Sub(m.start).Seconds(); s > 0 {
		m.p.Rate = float64(m.p.Done-m.first) / s
	}
	if m.tell != nil {
		m.tell(m.p)
	}
}
