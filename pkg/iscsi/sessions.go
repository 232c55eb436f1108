package iscsi

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Session is one initiator that is logged in to a target.
type Session struct {
	Initiator string
	Alias     string
	State     string // as the kernel says it: LOGGED_IN, FAILED, …
	// Dynamic is a session without an ACL of its own (generate_node_acls). The
	// kernel shows of those the initiator's name only, no address.
	Dynamic     bool
	Connections []Connection
}

// Connection is one TCP connection of a session.
type Connection struct {
	State   string // LOGGED_IN, CLEANUP_WAIT, …
	Address string // the initiator's
}

// Sessions returns who is logged in to a target; a target that is not there is
// ErrNotExist.
func (c *Client) Sessions(ctx context.Context, i IQN) ([]Session, error) {
	if err := c.owned(i); err != nil {
		return nil, err
	}
	s, err := c.look(i)
	if err != nil {
		return nil, err
	}
	if !s.target {
		return nil, fmt.Errorf("cannot read sessions of target %s: %w", i, ErrNotExist)
	}
	groups := slices.Clone(s.Groups)
	if s.group {
		groups = append(groups, "tpgt_1")
	}
	var all []Session
	for _, g := range groups {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		found, err := c.sessions(i, g)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

func (c *Client) sessions(i IQN, group string) ([]Session, error) {
	dir := path.Join(c.targetDir(i), group)
	dynamic, err := c.read(path.Join(dir, "dynamic_sessions"))
	if err != nil {
		return nil, c.unreadable(i, err)
	}
	var all []Session
	for _, name := range strings.FieldsFunc(dynamic, func(r rune) bool { return r == '\n' || r == 0 }) {
		all = append(all, Session{Initiator: name, State: "LOGGED_IN", Dynamic: true})
	}
	initiators, err := c.folders(path.Join(dir, "acls"))
	if err != nil {
		return nil, c.unreadable(i, err)
	}
	for _, name := range initiators {
		info, err := c.read(path.Join(dir, "acls", name, "info"))
		if err != nil {
			return nil, c.unreadable(i, err)
		}
		if s, active := parseInfo(info); active {
			all = append(all, s)
		}
	}
	return all, nil
}

var (
	infoName  = regexp.MustCompile(`(?m)^InitiatorName: (\S+)`)
	infoAlias = regexp.MustCompile(`(?m)^InitiatorAlias: (\S.*)$`)
	infoState = regexp.MustCompile(`Session State: (?:TARG_SESS_STATE_|TARG_SESS_)?(\S+)`)
	infoConn  = regexp.MustCompile(`(?m)Connection State: (?:TARG_CONN_STATE_)?(\S+)\s+Address (\S+)`)
)

// parseInfo reads an ACL's info file (lio_target_nacl_info_show).
func parseInfo(info string) (Session, bool) {
	name := infoName.FindStringSubmatch(info)
	if name == nil {
		return Session{}, false
	}
	s := Session{Initiator: name[1]}
	if m := infoAlias.FindStringSubmatch(info); m != nil {
		s.Alias = m[1]
	}
	if m := infoState.FindStringSubmatch(info); m != nil {
		s.State = m[1]
	}
	for _, m := range infoConn.FindAllStringSubmatch(info, -1) {
		s.Connections = append(s.Connections, Connection{State: m[1], Address: m[2]})
	}
	return s, true
}

// who names the first of them in a sentence: "iqn.… is", "iqn.… and 2 others are".
func who(sessions []Session) string {
	if n := len(sessions) - 1; n > 0 {
		return fmt.Sprintf("%s and %d more are", sessions[0].Initiator, n)
	}
	return sessions[0].Initiator + " is"
}
