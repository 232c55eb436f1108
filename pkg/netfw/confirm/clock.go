package confirm

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Clock is where time comes from. Deadlines are on Boot; Wall is for people.
type Clock struct {
	Boot   func() time.Duration // CLOCK_BOOTTIME: since boot, suspended time included
	Wall   func() time.Time
	BootID func() (string, error)
}

// SystemClock is the kernel's.
func SystemClock() Clock { return Clock{Boot: Boottime, Wall: time.Now, BootID: bootID} }

// Boottime is the present time of CLOCK_BOOTTIME: by which a server notes when a
// connection was opened, for Proof.
func Boottime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		panic(fmt.Sprintf("clock_gettime(CLOCK_BOOTTIME): %v", err)) // Linux 2.6.39 has it
	}
	return time.Duration(ts.Nano())
}

func bootID() (string, error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("cannot tell this boot from another: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// Deadline is an instant of one boot.
type Deadline struct {
	Boot        string    `json:"boot"`        // boot id
	Nanoseconds int64     `json:"nanoseconds"` // CLOCK_BOOTTIME
	Wall        time.Time `json:"wall"`        // for people; never compared
}

func (c Clock) in(d time.Duration) (Deadline, error) {
	id, err := c.BootID()
	if err != nil {
		return Deadline{}, err
	}
	return Deadline{Boot: id, Nanoseconds: int64(c.Boot() + d), Wall: c.Wall().Add(d).Round(time.Millisecond)}, nil
}

// ahead reports whether the deadline is still to come. One of another boot, or
// of a boot that cannot be told, is not.
func (c Clock) ahead(d Deadline) bool {
	id, err := c.BootID()
	return err == nil && id == d.Boot && c.Boot() < d.at()
}

// Left is how long it is until a deadline, 0 when that has passed.
func (f *Firewall) Left(d Deadline) time.Duration {
	if !f.clock.ahead(d) {
		return 0
	}
	return max(0, d.at()-f.clock.Boot())
}

func (d Deadline) at() time.Duration { return time.Duration(d.Nanoseconds) }
