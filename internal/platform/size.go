package platform

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Size is an amount of memory or disk in bytes, written with a binary unit: "8GiB".
type Size int64

// The binary units that a Size is written in.
const (
	MiB Size = 1 << 20
	GiB Size = 1 << 30
	TiB Size = 1 << 40
)

const sizeAllowed = "a whole number followed by MiB, GiB or TiB"

var sizeRE = regexp.MustCompile(`^([1-9][0-9]{0,9})(MiB|GiB|TiB)$`)

// looseSizeRE is what people write instead.
var looseSizeRE = regexp.MustCompile(`^([0-9]{1,9}(?:\.[0-9]{1,9})?) ?([kKmMgGtT]?)(?:i?[bB])?$`)

func (Size) rule() rule {
	return rule{kind: textLeaf, pattern: sizeRE, allowed: sizeAllowed + ", e.g. 8GiB", example: "8GiB"}
}

// UnmarshalText reads "8GiB". Decimal units (GB) are refused, because Proxmox VE
// takes memory in MiB and people rarely mean 7629.39 of them.
func (s *Size) UnmarshalText(text []byte) error {
	m := sizeRE.FindSubmatch(text)
	if m == nil {
		return wrongSize(string(text))
	}
	n, err := strconv.ParseInt(string(m[1]), 10, 64)
	if err != nil {
		return err
	}
	unit := map[string]Size{"MiB": MiB, "GiB": GiB, "TiB": TiB}[string(m[2])]
	if n > math.MaxInt64/4/int64(unit) || Size(n)*unit > 1024*TiB {
		return fmt.Errorf("%q is more than 1024TiB", text)
	}
	*s = Size(n) * unit
	return nil
}

func wrongSize(text string) error {
	m := looseSizeRE.FindStringSubmatch(text)
	switch {
	case m == nil:
		return fmt.Errorf("%s is not a size", quote(text, rule{}))
	case m[2] == "":
		return fmt.Errorf("%q has no unit", text)
	case m[2] == "k" || m[2] == "K":
		return fmt.Errorf("%q has a unit that is too small", text)
	}
	unit := map[string]Size{"m": MiB, "g": GiB, "t": TiB}[strings.ToLower(m[2])]
	meant, err := strconv.ParseFloat(m[1], 64)
	if size := Size(meant * float64(unit)); err == nil && size >= MiB && size%MiB == 0 && size <= 1024*TiB {
		return fmt.Errorf("%q is not a whole number with a binary unit: did you mean %s?", text, size)
	}
	return fmt.Errorf("%q is not a whole number with a binary unit", text)
}

func (s Size) wrong() string {
	if s < 0 || s%MiB != 0 {
		return fmt.Sprintf("%d bytes is not a positive whole number of MiB", int64(s))
	}
	return ""
}

// String gives the greatest unit that divides s.
func (s Size) String() string {
	switch {
	case s == 0:
		return "0MiB"
	case s%TiB == 0:
		return strconv.FormatInt(int64(s/TiB), 10) + "TiB"
	case s%GiB == 0:
		return strconv.FormatInt(int64(s/GiB), 10) + "GiB"
	default:
		return strconv.FormatInt(int64(s/MiB), 10) + "MiB"
	}
}

// MarshalText gives what UnmarshalText reads.
func (s Size) MarshalText() ([]byte, error) {
	if w := s.wrong(); w != "" {
		return nil, errors.New("cannot write a size: " + w)
	}
	return []byte(s.String()), nil
}

// MiB is s in mebibytes, the unit of a VM's memory in Proxmox VE.
func (s Size) MiB() int64 { return int64(s / MiB) }
