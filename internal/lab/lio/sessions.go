package lio

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"
)

type session struct {
	initiator string
	from      string
	id        uint32
}

// Credentials is what an initiator shows at a login.
type Credentials struct{ User, Password string }

// Login plays an initiator that logs in to a target through a portal; it fails
// as the kernel would refuse it.
func (t *Tree) Login(iqn, portal, initiator string, from netip.Addr, c Credentials) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	d, err := t.find(path.Join(t.o.Root, "target/iscsi", iqn, "tpgt_1"))
	if err != nil {
		return fmt.Errorf("cannot log in to %s: target not found", iqn)
	}
	g := d.object.(*group)
	if _, listens := g.portals[portal]; !listens || !g.enabled {
		return fmt.Errorf("cannot log in to %s at %s: target not found there", iqn, portal)
	}
	a := g.acls[initiator]
	want := g.auth
	if a != nil {
		want = a.auth
	} else if g.attrib["generate_node_acls"].n == 0 {
		return fmt.Errorf("cannot log in to %s: initiator %s has no ACL", iqn, initiator)
	}
	if g.attrib["authentication"].n == 1 && (want.user != c.User || want.password != c.Password || want.user == "") {
		g.of.fails.n++
		return fmt.Errorf("cannot log in to %s: authentication failed", iqn)
	}
	t.sessions++
	s := &session{initiator: initiator, from: from.String(), id: t.sessions}
	g.of.logins.n++
	if a != nil {
		a.session = s
		return nil
	}
	g.dynamic = append(slices.DeleteFunc(g.dynamic, func(o *session) bool { return o.initiator == initiator }), s)
	return nil
}

// Logout plays an initiator that logs out.
func (t *Tree) Logout(iqn, initiator string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	d, err := t.find(path.Join(t.o.Root, "target/iscsi", iqn, "tpgt_1"))
	if err != nil {
		return
	}
	g := d.object.(*group)
	g.of.outs.n++
	g.dynamic = slices.DeleteFunc(g.dynamic, func(s *session) bool { return s.initiator == initiator })
	if a := g.acls[initiator]; a != nil {
		a.session = nil
	}
}

func (g *group) logoutAll() {
	g.dynamic = nil
	for _, a := range g.acls {
		a.session = nil
	}
}

func (g *group) dynamicSessions() string {
	var b strings.Builder
	for _, s := range g.dynamic {
		b.WriteString(s.initiator + "\n")
	}
	return b.String()
}

// info is lio_target_nacl_info_show.
func (a *acl) info() string {
	if a.session == nil {
		return "No active iSCSI Session for Initiator Endpoint: " + a.name + "\n"
	}
	return fmt.Sprintf("InitiatorName: %s\nInitiatorAlias: lab\nLIO Session ID: %d   ISID: 0x00 02 3d 00 00 00  TSIH: %d  SessionType: Normal\n"+
		"Session State: TARG_SESS_STATE_LOGGED_IN\n---------------------[iSCSI Session Values]-----------------------\n"+
		"  CmdSN/WR  :  CmdSN/WC  :  ExpCmdSN  :  MaxCmdSN  :     ITT    :     TTT\n"+
		" 0x00000010   0x00000010   0x00000001   0x00000010   0x00000000   0x00000001\n"+
		"----------------------[iSCSI Connections]-------------------------\n"+
		"CID: 0  Connection State: TARG_CONN_STATE_LOGGED_IN\n   Address %s TCP  StatSN: 0x00000001\n", a.session.initiator, a.session.id, a.session.id, a.session.from)
}
