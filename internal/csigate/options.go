package csigate

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/waddle-social/waddle/internal/csigate/execute"
	"github.com/waddle-social/waddle/internal/csigate/grammar"
)

// User is the one user name that may log in.
const User = "democratic-csi"

// Executor runs commands; *execute.Executor is one.
type Executor interface {
	Layout() grammar.Layout
	Run(ctx context.Context, c grammar.Command) execute.Answer
}

// Options is what a Server works with.
type Options struct {
	Executor  Executor
	HostKey   ssh.Signer
	ClientKey ssh.PublicKey // the one key that may log in
	// From are the addresses that may connect: those of the cluster's nodes,
	// behind which pods appear.
	From   []netip.Prefix
	Limits Limits
	// Audit is called once for each command and for each connection that was
	// turned away.
	Audit func(Record)
}

// Limits bounds what a client can take. The zero value of each is its default.
type Limits struct {
	Connections int           // at once; default 256
	Source      int           // connections from one address at once; default 64
	Sessions    int           // on one connection at once; default 64
	Running     int           // commands at once, over all connections; more wait; default 64
	Rate        float64       // commands a second, over all connections; more wait; default 100
	Burst       int           // commands that may come at once before Rate counts; default 400
	Output      int           // bytes of one command's output; default 16 MiB
	Command     time.Duration // for one command; default 10 min, as the driver's own
	Handshake   time.Duration // until a client has logged in; default 20 s
	Send        time.Duration // for a client to take an answer; default 1 min
	Drain       time.Duration // for running commands when the server stops; default 60 s
	Grace       time.Duration // after that, for a change that cannot be cut short; default 15 s
}

func (l *Limits) fill() {
	orInt(&l.Connections, 256)
	orInt(&l.Source, 64)
	orInt(&l.Sessions, 64)
	orInt(&l.Running, 64)
	orInt(&l.Burst, 400)
	orInt(&l.Output, 16<<20)
	if l.Rate == 0 {
		l.Rate = 100
	}
	orDuration(&l.Command, 10*time.Minute)
	orDuration(&l.Handshake, 20*time.Second)
	orDuration(&l.Send, time.Minute)
	orDuration(&l.Drain, time.Minute)
	orDuration(&l.Grace, 15*time.Second)
}

func orInt(to *int, fallback int) {
	if *to == 0 {
		*to = fallback
	}
}

func orDuration(to *time.Duration, fallback time.Duration) {
	if *to == 0 {
		*to = fallback
	}
}

func (o *Options) check() error {
	if o.Executor == nil || o.HostKey == nil || o.ClientKey == nil || len(o.From) == 0 || o.Audit == nil {
		return fmt.Errorf("cannot make the storage endpoint: the executor, both keys, the allowed addresses and the audit have to be set")
	}
	o.Limits.fill()
	return nil
}
