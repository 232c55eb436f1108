package rest

import (
	"fmt"
	"strconv"
	"strings"
)

// Int is a whole number or truth as Proxmox's JSON has it: 1, "1", true or null, which is 0. Perl does not
// tell numbers from texts.
type Int int64

// UnmarshalJSON takes all of these forms.
func (i *Int) UnmarshalJSON(raw []byte) error {
	switch text := strings.Trim(string(raw), `"`); text {
	case "", "null", "false":
		*i = 0
	case "true":
		*i = 1
	default:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fmt.Errorf("%s is no whole number", raw)
		}
		*i = Int(n)
	}
	return nil
}
