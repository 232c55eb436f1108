package iscsi

import (
	"context"
	"fmt"
	"path"
	"strconv"
)

// Statistics are a target's counters since it was made.
type Statistics struct {
	Logins              uint64
	AuthenticationFails uint64 // wrong secret
	AuthorizationFails  uint64 // no ACL
	OtherLoginFails     uint64
	NormalLogouts       uint64
	AbnormalLogouts     uint64
	DigestErrors        uint64
	ConnectionErrors    uint64
	LUNs                []LUNStatistics
}

// LUNStatistics are one LUN's counters.
type LUNStatistics struct {
	Number     int
	Commands   uint64
	ReadMiB    uint64
	WrittenMiB uint64
}

// Statistics reads a target's counters; a target that is not there is
// ErrNotExist. A counter that this kernel does not have is 0.
func (c *Client) Statistics(ctx context.Context, i IQN) (Statistics, error) {
	if err := c.owned(i); err != nil {
		return Statistics{}, err
	}
	s, err := c.look(i)
	if err != nil {
		return Statistics{}, err
	}
	if !s.target {
		return Statistics{}, fmt.Errorf("cannot read statistics of target %s: %w", i, ErrNotExist)
	}
	all := path.Join(c.targetDir(i), "fabric_statistics")
	st := Statistics{}
	for _, f := range []struct {
		file string
		to   *uint64
	}{
		{"iscsi_login_stats/accepts", &st.Logins},
		{"iscsi_login_stats/authenticate_fails", &st.AuthenticationFails},
		{"iscsi_login_stats/authorize_fails", &st.AuthorizationFails},
		{"iscsi_login_stats/other_fails", &st.OtherLoginFails},
		{"iscsi_logout_stats/normal_logouts", &st.NormalLogouts},
		{"iscsi_logout_stats/abnormal_logouts", &st.AbnormalLogouts},
		{"iscsi_sess_err/digest_errors", &st.DigestErrors},
		{"iscsi_sess_err/cxn_errors", &st.ConnectionErrors},
	} {
		*f.to = c.counter(path.Join(all, f.file))
	}
	for _, l := range s.LUNs {
		if err := ctx.Err(); err != nil {
			return Statistics{}, err
		}
		port := path.Join(lunDir(c.groupDir(i), l.Number), "statistics/scsi_tgt_port")
		st.LUNs = append(st.LUNs, LUNStatistics{
			Number: l.Number, Commands: c.counter(path.Join(port, "in_cmds")),
			ReadMiB: c.counter(path.Join(port, "read_mbytes")), WrittenMiB: c.counter(path.Join(port, "write_mbytes")),
		})
	}
	return st, nil
}

func (c *Client) counter(file string) uint64 {
	text, err := c.read(file)
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseUint(text, 10, 64) // "0" and nothing are the same here
	return n
}
