package pve

import (
	"strconv"
	"time"
)

// SetHA puts a VM under the cluster's HA manager, or takes it away from it. Of the manager only that is modelled
// what a caller of the node meets: it is asked in a task that ends at once, and does it some seconds later.
func (s *Server) SetHA(vmid int, managed bool) error {
	return s.with(func() error {
		v, err := s.config(vmid)
		if err == nil {
			v.HA = managed
		}
		return err
	})
}

// askHA asks the manager for what the call wants, and says no more than that it was asked.
func (r *request) askHA(what, kind string, v *vm, work func(*job, *vm) error) (any, error) {
	s, later := r.s, *r
	later.user = "root@pam"
	return r.start("ha"+what, strconv.Itoa(v.ID), func(j *job) error {
		j.logf("Requesting HA %s for VM %d", what, v.ID)
		s.work.Go(func() {
			select {
			case <-s.ctx.Done():
				return
			case <-time.After(s.o.Timing.of(10 * time.Second)):
			}
			_ = s.with(func() error {
				_, err := later.powerTask(kind, v, work)
				return err
			})
		})
		return nil
	})
}
