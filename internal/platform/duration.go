package platform

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// Duration is a length of time in whole seconds, written with one unit: "120s", "30m", "6h", "90d".
type Duration time.Duration

const day = 24 * time.Hour

var durationRE = regexp.MustCompile(`^([1-9][0-9]{0,8})(s|m|h|d)$`)

func (Duration) rule() rule {
	return rule{kind: textLeaf, pattern: durationRE, allowed: "a whole number followed by s, m, h or d, e.g. 30m, at most 3650d", example: "30m"}
}

// UnmarshalText reads "90d". A day has 24 hours.
func (d *Duration) UnmarshalText(text []byte) error {
	m := durationRE.FindSubmatch(text)
	if m == nil {
		return fmt.Errorf("%s is not a length of time", quote(string(text), rule{}))
	}
	n, err := strconv.ParseInt(string(m[1]), 10, 64)
	if err != nil {
		return err
	}
	unit := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": day}[string(m[2])]
	if n > int64(3650*day/unit) {
		return fmt.Errorf("%q is more than 3650d", text)
	}
	*d = Duration(time.Duration(n) * unit)
	return nil
}

func (d Duration) wrong() string {
	if d < 0 || time.Duration(d)%time.Second != 0 || time.Duration(d) > 3650*day {
		return fmt.Sprintf("%s is not a positive whole number of seconds up to 3650d", time.Duration(d))
	}
	return ""
}

// String gives the greatest unit that divides d.
func (d Duration) String() string {
	t := time.Duration(d)
	switch {
	case t == 0:
		return "0s"
	case t%day == 0:
		return strconv.FormatInt(int64(t/day), 10) + "d"
	case t%time.Hour == 0:
		return strconv.FormatInt(int64(t/time.Hour), 10) + "h"
	case t%time.Minute == 0:
		return strconv.FormatInt(int64(t/time.Minute), 10) + "m"
	default:
		return strconv.FormatInt(int64(t/time.Second), 10) + "s"
	}
}

// MarshalText gives what UnmarshalText reads.
func (d Duration) MarshalText() ([]byte, error) {
	if w := d.wrong(); w != "" {
		return nil, errors.New("cannot write a length of time: " + w)
	}
	return []byte(d.String()), nil
}

// Std is d as the standard library has it.
func (d Duration) Std() time.Duration { return time.Duration(d) }
