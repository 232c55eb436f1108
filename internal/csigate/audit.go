package csigate

import (
	"context"
	"log/slog"
	"time"
)

// Record is one line of the audit: a command, or a connection turned away.
type Record struct {
	Time     time.Time
	User     string // empty when nobody had logged in
	Key      string // fingerprint of the key
	From     string // address and port
	Command  string // as it was sent, without CHAP passwords; empty for a connection
	Op       string // "create volume"; empty when it was not understood
	Object   string // the dataset, snapshot or target
	Duration time.Duration
	Code     int // exit status
	Outcome  Outcome
	Reason   string // why it was refused or failed
}

// Outcome is how a command ended.
type Outcome string

// The outcomes.
const (
	Done     Outcome = "done"     // exit status 0
	Failed   Outcome = "failed"   // zfs or the kernel said no
	Refused  Outcome = "refused"  // by grammar or policy; nothing was run
	Rejected Outcome = "rejected" // a connection or request that is not for commands
)

// LogAudit returns an Options.Audit that writes to a log.
func LogAudit(log *slog.Logger) func(Record) {
	return func(r Record) {
		level := slog.LevelInfo
		if r.Outcome == Refused || r.Outcome == Rejected {
			level = slog.LevelWarn
		}
		log.Log(context.Background(), level, "storage endpoint",
			"outcome", r.Outcome, "op", r.Op, "object", r.Object, "user", r.User, "key", r.Key, "from", r.From,
			"command", r.Command, "code", r.Code, "duration", r.Duration, "reason", r.Reason)
	}
}
