package values

import (
	"fmt"
	"regexp"

	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/pkg/iscsi"
)

// chapText is what survives the driver's way to a target: it writes CHAP values
// into a shell command without escaping them.
var chapText = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

// minPassword is what RFC 7143 section 9.2.1 asks of CHAP secrets, 96 bits, in
// bytes; several initiators refuse shorter ones.
const minPassword = 12

func checkCHAP(kind platform.CHAP, c iscsi.CHAP) error {
	type part struct {
		what, text string
		wanted     bool
		least      int
	}
	one, mutual := kind != platform.NoCHAP, kind == platform.MutualCHAP
	for _, p := range []part{
		{"CHAP user", c.User, one, 1}, {"CHAP password", c.Password.Reveal(), one, minPassword},
		{"mutual CHAP user", c.MutualUser, mutual, 1}, {"mutual CHAP password", c.MutualPassword.Reveal(), mutual, minPassword},
	} {
		switch {
		case !p.wanted && p.text != "":
			return fmt.Errorf("there is a %s, but spec.storage.chap is %s", p.what, kind)
		case p.wanted && (len(p.text) < p.least || len(p.text) > 255 || !chapText.MatchString(p.text)):
			return fmt.Errorf("the %s has to be %d to 255 letters, digits and . _ -, because democratic-csi does not escape it", p.what, p.least)
		}
	}
	if mutual && c.Password == c.MutualPassword {
		return fmt.Errorf("the two CHAP passwords have to differ (RFC 7143 section 9.2.1)")
	}
	return nil
}
