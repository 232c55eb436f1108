package contracttest

import (
	"bytes"
	"io"
)

// streamBody checks an event stream line by line while it is read.
type streamBody struct {
	io.ReadCloser
	r       *Recorder
	pending []byte
}

func (s *streamBody) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	s.pending = append(s.pending, p[:n]...)
	if end := bytes.LastIndexByte(s.pending, '\n'); end >= 0 {
		if fault := s.r.contract.CheckEvents(s.pending[:end+1]); fault != nil {
			s.r.fault(fault)
		}
		s.pending = s.pending[end+1:]
	}
	return n, err
}
