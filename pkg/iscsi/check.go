package iscsi

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

var (
	backstoreName = regexp.MustCompile(`^[a-z0-9][a-z0-9.:_-]{0,199}$`)
	attributeName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
	decimal       = regexp.MustCompile(`^(0|[1-9][0-9]{0,9})$`)
	chapText      = regexp.MustCompile(`^[!-~]{1,255}$`)
	serialText    = regexp.MustCompile(`^[A-Za-z0-9-]{1,200}$`)
)

// complete fills in the defaults and refuses what cannot be.
func (c *Client) complete(t Target) (Target, error) {
	if err := c.owned(t.IQN); err != nil {
		return t, err
	}
	fault := func(format string, args ...any) (Target, error) {
		return t, fmt.Errorf("cannot use target %s: "+format, append([]any{t.IQN}, args...)...)
	}
	if len(t.Portals) == 0 {
		return fault("it has no portal")
	}
	for _, p := range t.Portals {
		if p.String() == "" {
			return fault("a portal is empty")
		}
	}
	t.Attributes = maps.Clone(t.Attributes)
	if t.Attributes == nil {
		t.Attributes = map[string]string{}
	}
	if err := t.authentication(); err != nil {
		return fault("%w", err)
	}
	if err := checkAttributes(t.Attributes); err != nil {
		return fault("%w", err)
	}
	if len(t.ACLs) == 0 && t.Attributes["generate_node_acls"] != "1" {
		return fault("nobody could log in: it has neither ACLs nor generate_node_acls=1")
	}
	// The kernel keeps cache_dynamic_acls at 1 then and says nothing.
	if t.Attributes["generate_node_acls"] == "1" && t.Attributes["cache_dynamic_acls"] == "0" {
		return fault("generate_node_acls=1 and cache_dynamic_acls=0 exclude each other")
	}
	luns, err := c.completeLUNs(t)
	if err != nil {
		return fault("%w", err)
	}
	t.LUNs = luns
	return t, nil
}

func (t *Target) authentication() error {
	any := t.CHAP.User != ""
	if err := t.CHAP.check(); err != nil {
		return err
	}
	seen := map[IQN]bool{}
	for _, a := range t.ACLs {
		if a.Initiator.name == "" || seen[a.Initiator] {
			return fmt.Errorf("initiator %s is empty or given twice", quote(a.Initiator.name))
		}
		seen[a.Initiator] = true
		if err := a.CHAP.check(); err != nil {
			return fmt.Errorf("initiator %s: %w", a.Initiator, err)
		}
		any = any || a.CHAP.User != ""
	}
	switch given := t.Attributes["authentication"]; {
	case given == "" && any:
		t.Attributes["authentication"] = "1"
	case given == "":
		t.Attributes["authentication"] = "0"
	case given == "0" && any:
		return fmt.Errorf("it has CHAP secrets and authentication=0, which would let everybody in without them")
	case given == "1" && !any:
		return fmt.Errorf("it has authentication=1 and no CHAP secret, so nobody could log in")
	}
	return nil
}

// check applies the rules for CHAP. The kernel takes a name or secret that
// starts with NULL as none (iscsi_target_configfs.c).
func (c CHAP) check() error {
	type part struct{ what, text string }
	all := []part{{"CHAP user", c.User}, {"CHAP password", c.Password.text}, {"mutual CHAP user", c.MutualUser}, {"mutual CHAP password", c.MutualPassword.text}}
	for _, p := range all {
		if p.text != "" && (!chapText.MatchString(p.text) || strings.HasPrefix(p.text, "NULL")) {
			return fmt.Errorf("the %s has to be 1 to 255 printable characters without spaces, not starting with NULL", p.what)
		}
	}
	switch {
	case (c.User == "") != c.Password.Empty(), (c.MutualUser == "") != c.MutualPassword.Empty():
		return fmt.Errorf("a CHAP user and password belong together")
	case c.MutualUser != "" && c.User == "":
		return fmt.Errorf("mutual CHAP needs one-way CHAP")
	case c.MutualUser != "" && c.Password == c.MutualPassword:
		return fmt.Errorf("the two CHAP passwords have to differ (RFC 7143 section 12.1.3)")
	}
	return nil
}

func (c *Client) completeLUNs(t Target) ([]LUN, error) {
	luns := slices.Clone(t.LUNs)
	numbers, names := map[int]bool{}, map[string]bool{}
	for i := range luns {
		l := &luns[i]
		if l.Number < 0 || l.Number > 255 || numbers[l.Number] {
			return nil, fmt.Errorf("LUN %d is not from 0 to 255 or given twice", l.Number)
		}
		numbers[l.Number] = true
		if l.Backstore.Name == "" {
			l.Backstore.Name = c.conventional(t.IQN, l.Number)
		}
		if names[l.Backstore.Name] {
			return nil, fmt.Errorf("backstore %s is given twice", l.Backstore.Name)
		}
		names[l.Backstore.Name] = true
		if err := c.checkBackstore(l.Backstore); err != nil {
			return nil, fmt.Errorf("LUN %d: %w", l.Number, err)
		}
	}
	slices.SortFunc(luns, func(a, b LUN) int { return a.Number - b.Number })
	return luns, nil
}

// conventional is the name of a target's backstore when nobody gave another.
func (c *Client) conventional(i IQN, lun int) string {
	if lun == 0 {
		return c.o.Base.Asset(i)
	}
	return fmt.Sprintf("%s-lun%d", c.o.Base.Asset(i), lun)
}

func (c *Client) checkBackstore(b Backstore) error {
	if !backstoreName.MatchString(b.Name) || b.Name == "alua" {
		return fmt.Errorf("backstore name %s has to be lower case letters, digits and . : _ -", quote(b.Name))
	}
	// The control file splits on commas and newlines, so that a path with one
	// could set other options.
	if len(b.Device) > 500 || filepath.Clean(b.Device) != b.Device || !strings.HasPrefix(b.Device, c.o.Devices+"/") || strings.ContainsFunc(b.Device, badInPath) {
		return fmt.Errorf("device %s is not a clean path below %s without spaces and commas", quote(b.Device), c.o.Devices)
	}
	if b.Serial != "" && !serialText.MatchString(b.Serial) {
		return fmt.Errorf("serial %s has to be letters, digits and -", quote(b.Serial))
	}
	return checkAttributes(b.Attributes)
}

func badInPath(r rune) bool { return r <= ' ' || r == ',' || r >= 0x7f }

func checkAttributes(m map[string]string) error {
	for k, v := range m {
		if !attributeName.MatchString(k) || !decimal.MatchString(v) {
			return fmt.Errorf("attribute %s=%s is not a name and a decimal number", quote(k), quote(v))
		}
	}
	return nil
}
