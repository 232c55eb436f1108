package lab

import "fmt"

// seam is the one way by which Up and Plug change the machine: each change has a
// name, and a test can stop the world before any of them.
type seam struct {
	before func(op string)
}

func (s seam) do(op string, change func() error) error {
	if s.before != nil {
		s.before(op)
	}
	if err := change(); err != nil {
		return fmt.Errorf("cannot %s: %w", op, err)
	}
	return nil
}

// step is a named change.
type step struct {
	op     string
	change func() error
}

func (s seam) all(steps []step) error {
	for _, st := range steps {
		if err := s.do(st.op, st.change); err != nil {
			return err
		}
	}
	return nil
}
