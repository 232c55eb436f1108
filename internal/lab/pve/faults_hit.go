package pve

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// hit finds a fault that fits and counts it. Server.mu is held.
func (s *Server) hit(fits func(Fault) bool) (Fault, bool) {
	i := slices.IndexFunc(s.st.Faults, fits)
	if i < 0 {
		return Fault{}, false
	}
	f := s.st.Faults[i]
	if f.Times == 1 {
		s.st.Faults = slices.Delete(s.st.Faults, i, i+1)
	} else if f.Times > 1 {
		s.st.Faults[i].Times--
	}
	return f, true
}

func (s *Server) taskFault(kind, step string, vmid int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[kind+" "+step] = true
	f, ok := s.hit(func(f Fault) bool {
		return f.Kind == FaultTask && (f.Task == "" || f.Task == kind) && (f.Step == "" || f.Step == step) && (f.VMID == 0 || f.VMID == vmid)
	})
	if !ok {
		return nil
	}
	return errors.New(or(f.Text, fmt.Sprintf("injected fault at step %s of %s", step, kind)))
}

func (s *Server) diskFull(storage string) bool {
	return slices.ContainsFunc(s.st.Faults, func(f Fault) bool {
		return f.Kind == FaultFull && (f.Storage == "" || f.Storage == storage)
	})
}

func (s *Server) diskBusy(vmid int) bool {
	return slices.ContainsFunc(s.st.Faults, func(f Fault) bool {
		return f.Kind == FaultBusy && (f.VMID == 0 || f.VMID == vmid)
	})
}

func (s *Server) agentSilent(vmid int) bool {
	return slices.ContainsFunc(s.st.Faults, func(f Fault) bool {
		return f.Kind == FaultSilent && (f.VMID == 0 || f.VMID == vmid)
	})
}

// storageHeld tells whether a fault holds a storage's lock.
func (s *Server) storageHeld(storage string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.st.Faults, func(f Fault) bool { return f.Kind == FaultLock && f.Storage != "" && f.Storage == storage })
}

// httpFault answers in place of the call when a fault says so.
func (s *Server) httpFault(w http.ResponseWriter, req *http.Request, path, when string) bool {
	s.mu.Lock()
	f, ok := s.hit(func(f Fault) bool {
		return f.Kind == FaultHTTP && or(f.When, "before") == when && (f.Method == "" || f.Method == req.Method) && strings.HasPrefix(path, f.Path)
	})
	s.mu.Unlock()
	if !ok {
		return false
	}
	if f.Delay > 0 {
		select {
		case <-time.After(f.Delay):
		case <-req.Context().Done():
		case <-s.ctx.Done():
		}
	}
	if f.Status == 0 {
		panic(http.ErrAbortHandler)
	}
	// pveproxy answers when it has read the request; who answers earlier and hangs up resets the connection of a client
	// that still writes, and then the client does not see the answer.
	_, _ = io.Copy(io.Discard, req.Body)
	text := or(f.Text, "injected fault")
	writeRaw(w, f.Status, text, fmt.Appendf(nil, `{"data":null,"message":%q}`, text+"\n"))
	return true
}
