package csigatetest

import (
	"bytes"
	"errors"

	"golang.org/x/crypto/ssh"
)

// Connection is a Wire on one SSH connection that all commands share, the
// driver's default.
type Connection struct{ Client *ssh.Client }

// Exec implements Wire.
func (c Connection) Exec(command string, pty bool) (Result, error) {
	s, err := c.Client.NewSession()
	if err != nil {
		return Result{}, err
	}
	defer s.Close()
	if pty {
		if err := s.RequestPty("vt100", 24, 80, ssh.TerminalModes{}); err != nil {
			return Result{}, err
		}
	}
	var stdout, stderr bytes.Buffer
	s.Stdout, s.Stderr = &stdout, &stderr
	err = s.Run(command)
	r := Result{Stdout: stdout.String(), Stderr: stderr.String()}
	var exit *ssh.ExitError
	var none *ssh.ExitMissingError
	switch {
	case err == nil:
		return r, nil
	case errors.As(err, &exit):
		r.Code = exit.ExitStatus()
		return r, nil
	case errors.As(err, &none):
		r.Code = -1
		return r, nil
	}
	return r, err
}

// Dialer is a Wire with a new connection for every command, which is what the
// driver does with SSH_REUSE_CONNECTION=0.
type Dialer func() (*ssh.Client, error)

// Exec implements Wire.
func (dial Dialer) Exec(command string, pty bool) (Result, error) {
	c, err := dial()
	if err != nil {
		return Result{}, err
	}
	defer func() {
		_ = c.Close()
		_ = c.Wait()
	}()
	return Connection{c}.Exec(command, pty)
}
