package rest

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// ErrTokenMode is the cause of a TokenError for a file that others may read.
var ErrTokenMode = errors.New("others than its owner may read it")

var tokenRE = regexp.MustCompile(`^[^\s!=@]+@[^\s!=@]+![A-Za-z][A-Za-z0-9.\-_]+=[0-9A-Fa-f-]{36}$`)

// TokenFile reads the token from a file that its owner alone may read, each time anew: a token that was
// rotated needs no restart. Errors never repeat what the file holds.
func TokenFile(path string) func() (string, error) {
	return func() (string, error) {
		f, err := os.Open(path)
		if err != nil {
			return "", &TokenError{path, err}
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return "", &TokenError{path, err}
		}
		if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
			return "", &TokenError{path, fmt.Errorf("%w (mode %04o)", ErrTokenMode, info.Mode().Perm())}
		}
		buf := make([]byte, 512)
		n, _ := f.Read(buf)
		token := strings.TrimSpace(string(buf[:n]))
		if !tokenRE.MatchString(token) {
			return "", &TokenError{path, errors.New("it is not one line of the form USER@REALM!NAME=SECRET")}
		}
		return token, nil
	}
}

// TokenID is the part of a token that is no secret.
func TokenID(token string) string {
	id, _, _ := strings.Cut(token, "=")
	return id
}
