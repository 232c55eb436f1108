package pve

import (
	"context"
	"strings"

	"github.com/waddle-social/waddle/internal/lab/pve/schema"
)

// request is one call as its handler sees it.
type request struct {
	*schema.Endpoint
	s    *Server
	ctx  context.Context
	p    schema.Values
	user string // root@pam, or waddle@pve!token
	file string // of an upload: where the body lies; removed when the call ends
}

func (r *request) text(name string) string         { return r.p.Text(name) }
func (r *request) bool(name string, def bool) bool { return r.p.Bool(name, def) }
func (r *request) vmid() int                       { return r.p.Int("vmid", 0) }
func (r *request) root() bool                      { return r.user == "root@pam" }

// vm finds the call's VM.
func (r *request) vm() (*vm, error) { return r.s.config(r.vmid()) }

// rootOnly refuses the named parameters to everybody but root@pam.
func (r *request) rootOnly(names ...string) error {
	for _, name := range names {
		if r.p.Has(name) && !r.root() {
			return wrongParam(name, "Only root may use this option.")
		}
	}
	return nil
}

// unlocked lets others at the state while something slow is done.
func (r *request) unlocked(slow func() error) error {
	r.s.mu.Unlock()
	defer r.s.mu.Lock()
	return slow()
}

// owner is the user to whom a token belongs.
func owner(authid string) string {
	u, _, _ := strings.Cut(authid, "!")
	return u
}
