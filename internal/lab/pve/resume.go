package pve

import "errors"

// resume lets run again what ran when the simulator ended. A VM whose namespace has gone is off, as
// after a power cut.
func (s *Server) resume() {
	_ = s.with(func() error {
		for _, id := range s.vmIDs() {
			v := s.st.VMs[id]
			if v.Run == nil {
				continue
			}
			ci, err := s.seed(v.ID, v.Drive)
			if err == nil && s.o.Plugger.Plugged(s.ctx, v.Run.Plug) {
				err = s.boot(v, ci, true)
			} else {
				err = errors.Join(err, errors.New("its namespace has gone"))
			}
			if err != nil {
				s.o.Log.Warn("a VM is off after the restart", "vmid", id, "cause", err)
				v.Run = nil
			}
		}
		return nil
	})
}
