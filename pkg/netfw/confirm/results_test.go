package confirm

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// results are what the matrix has measured.
type results struct {
	mu     sync.Mutex
	trials int
	count  map[string]int
	locked int           // trials in which the operator was locked out meanwhile
	slow   int           // trials on a machine too busy to load the change in time
	late   time.Duration // reachable after the deadline, at most
	stood  time.Duration // the operator was locked out, at most
}

func (r *results) add(name string, late, stood time.Duration, slow bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trials++
	r.count[name]++
	if stood > 0 {
		r.locked++
	}
	if slow {
		r.slow++
	}
	r.late, r.stood = max(r.late, late), max(r.stood, stood)
}

func (r *results) print() {
	for _, name := range slices.Sorted(maps.Keys(r.count)) {
		fmt.Printf("  %4d × %s\n", r.count[name], name)
	}
	fmt.Printf("rollback matrix: %d trials (in %d the operator was locked out meanwhile, in %d the machine was too busy to load the change in time); the wrong rules stood for %s at most, reachable again %s after the deadline at most\n",
		r.trials, r.locked, r.slow, r.stood.Round(time.Millisecond), r.late.Round(time.Millisecond))
}

// lateness is how long after the deadline the operator came in first.
func lateness(tries []try, deadline time.Duration) time.Duration {
	for _, x := range tries {
		if x.ok && x.at >= deadline {
			return x.at - deadline
		}
	}
	return time.Hour
}

// stood is the longest time for which the operator was locked out.
func stood(tries []try) (longest time.Duration) {
	var since time.Duration
	for _, x := range tries {
		switch {
		case x.ok:
			since = 0
		case since == 0:
			since = x.at
		default:
			longest = max(longest, x.at-since)
		}
	}
	return longest
}

// guardsOf reports whether a guard for the directory lives.
func guardsOf(dir string) bool {
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, l := range lines {
		b, _ := os.ReadFile(l)
		if words := string(b); strings.Contains(words, "\x00guard\x00") && strings.Contains(words, "\x00"+dir+"\x00") {
			return true
		}
	}
	return false
}
