package journey

import (
	"context"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/waddle-social/waddle/internal/lab"
)

// How long a connection is waited for. One that comes about does so at once, and
// has time on a busy machine; what the rules drop answers never.
const (
	atOnce = time.Minute
	inVain = 300 * time.Millisecond
)

func patienceFor(wanted bool) time.Duration {
	if wanted {
		return atOnce
	}
	return inVain
}

// scanner is which of SSH and the user interface the internet reaches on the host;
// those that it should are waited for.
func (h *host) scanner(should ...string) string {
	h.t.Helper()
	var reached []string
	for _, port := range []string{"22", "8006"} {
		if h.reaches(h.Scanner, port, patienceFor(slices.Contains(should, port))) {
			reached = append(reached, port)
		}
	}
	return strings.Join(reached, " ")
}

// reaches connects to a TCP port of the host's public address.
func (h *host) reaches(from *lab.Node, port string, patience time.Duration) bool {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	defer cancel()
	c, err := from.DialContext(ctx, "tcp", net.JoinHostPort(lab.HostAddr.String(), port))
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

// reachesBefore tries again and again to connect while something is said to be
// open, which it is up to the end at least. Who got in less than three times to try
// it, because the machine stood still, has shown nothing: that counts as open.
func (h *host) reachesBefore(end time.Time, from *lab.Node, port string) bool {
	h.t.Helper()
	tries := 0
	for ; time.Now().Before(end); tries++ {
		if h.reaches(from, port, inVain) {
			return true
		}
	}
	return tries < 3
}

// getsIn connects from one of a VM's addresses; "" leaves it to the kernel.
func (h *host) getsIn(vm *lab.Node, source, to string, patience time.Duration) bool {
	h.t.Helper()
	got := false
	err := vm.Do(func() error {
		d := net.Dialer{Timeout: patience}
		if source != "" {
			d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(source)}
		}
		c, err := d.DialContext(h.t.Context(), "tcp4", to)
		if err == nil {
			got = true
			return c.Close()
		}
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return got
}
