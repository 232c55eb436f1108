package csigate

import (
	"bytes"
	"io"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/waddle-social/waddle/internal/csigate/execute"
	"github.com/waddle-social/waddle/internal/csigate/grammar"
)

// send writes the answer and its exit status, in the order of sshd: texts, exit
// status, end of file. A client that does not take them within Limits.Send gets
// the exit status of a failure instead, for which no room of its channel is
// needed; when even that does not go out, the connection is closed. So nobody
// keeps a command, or a daemon that stops, waiting.
func (s *session) send(a execute.Answer) {
	var once sync.Once
	status := func(code int) {
		once.Do(func() {
			_, _ = s.ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(code)}))
		})
	}
	late := time.AfterFunc(s.c.s.o.Limits.Send, func() {
		status(1)
		_ = s.ch.Close()
	})
	defer late.Stop()
	cut := time.AfterFunc(s.c.s.o.Limits.Send+parting, func() { _ = s.c.conn.Close() })
	defer cut.Stop()

	out, err := a.Stdout, a.Stderr
	if s.terminal {
		// A terminal has one stream, and its lines end as typewriters' do.
		out, err = bytes.ReplaceAll(append(bytes.Clone(out), err...), []byte("\n"), []byte("\r\n")), nil
	}
	// A client that is gone is noticed by the exit status at the latest, and there
	// is nobody left to tell.
	_ = write(s.ch, out)
	_ = write(s.ch.Stderr(), err)
	status(a.Code)
	_ = s.ch.CloseWrite()
}

func write(to io.Writer, text []byte) error {
	if len(text) == 0 {
		return nil
	}
	_, err := to.Write(text)
	return err
}

// audited is a command as the audit keeps it.
func audited(text string) string { return printable(grammar.Redact(text)) }

// printable cuts a text and takes control characters out of it, newlines too: a
// record is one line.
func printable(text string) string {
	const most = 2000
	if len(text) > most {
		text = text[:most] + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
}
