package access

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/renameio/v2"
	"golang.org/x/sys/unix"

	"github.com/waddle-social/waddle/pkg/vms/rest"
)

// ErrRefused is a token that Proxmox does not take.
var ErrRefused = errors.New("the token is not taken by Proxmox")

var ourToken = regexp.MustCompile(`^daemon-([1-9][0-9]{0,8})$`)

type token struct {
	Tokenid string
	Privsep rest.Int
	Expire  rest.Int // seconds since 1970, 0 means never
}

// token keeps the one in the file when it is good, otherwise makes another one. Earlier ones of ours go in the
// end, when the file has another: a run that is killed leaves a daemon that can work.
func (s *Setup) token(ctx context.Context) error {
	list, err := s.tokens(ctx)
	if err != nil {
		return err
	}
	kept, why, err := s.kept(ctx, list)
	if err != nil {
		return err
	}
	if kept == "" {
		if kept, err = s.makeToken(ctx, list, why); err != nil {
			return err
		}
	} else if err := s.acl(ctx, "token", "tokens", User+"!"+kept); err != nil {
		return err
	}
	for _, t := range list {
		if t.Tokenid == kept || !ourToken.MatchString(t.Tokenid) {
			continue
		}
		err := s.change("remove a token", fmt.Sprintf("token %s!%s: removed", User, t.Tokenid), func() error {
			return s.o.Root.Call(ctx, "delete", "/access/users/"+User+"/token/"+t.Tokenid, nil, nil)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Setup) tokens(ctx context.Context) (list []token, err error) {
	err = s.o.Root.Call(ctx, "get", "/access/users/"+User+"/token", nil, &list)
	if err != nil && s.o.DryRun { // the user is not made yet
		return nil, nil
	}
	return list, err
}

// kept names the token in the file, if it is good; otherwise why it is not.
func (s *Setup) kept(ctx context.Context, list []token) (id, why string, err error) {
	if s.o.Rotate {
		return "", "rotated", nil
	}
	full, err := rest.TokenFile(s.o.TokenFile)()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", "there was none", nil
	case errors.Is(err, rest.ErrTokenMode):
		return "", "others could read " + s.o.TokenFile, nil
	case err != nil:
		return "", "there was none in " + s.o.TokenFile, nil
	}
	user, id, _ := strings.Cut(rest.TokenID(full), "!")
	for _, t := range list {
		if user != User || t.Tokenid != id {
			continue
		}
		if t.Privsep == 0 || t.Expire != 0 && int64(t.Expire) <= time.Now().Unix() {
			return "", "the old one is expired or has no privilege separation", nil
		}
		switch err := s.o.Verify(ctx, full); {
		case errors.Is(err, ErrRefused):
			return "", "the secret in the file is not that of the token", nil
		case err != nil:
			return "", "", err
		}
		return id, "", nil
	}
	return "", "Proxmox has no such token as is in the file", nil
}

// makeToken makes a token, gives it its roles, tries it, and only then replaces the file.
func (s *Setup) makeToken(ctx context.Context, list []token, why string) (id string, err error) {
	next := 1
	for _, t := range list {
		if m := ourToken.FindStringSubmatch(t.Tokenid); m != nil {
			n, _ := strconv.Atoi(m[1])
			next = max(next, n+1)
		}
	}
	id = fmt.Sprintf("daemon-%d", next)
	var made struct{ Value string }
	err = s.change("make a token", fmt.Sprintf("token %s!%s: made (%s)", User, id, why), func() error {
		return s.o.Root.Call(ctx, "create", "/access/users/"+User+"/token/"+id, [][2]string{{"privsep", "1"}, {"comment", "waddled: waddled setup proxmox --rotate makes a new one"}}, &made)
	})
	if err == nil {
		err = s.acl(ctx, "token", "tokens", User+"!"+id)
	}
	full := User + "!" + id + "=" + made.Value
	if err == nil && !s.o.DryRun {
		err = s.o.Verify(ctx, full)
	}
	if err == nil {
		err = s.change("write the token", s.o.TokenFile+": written, for root alone", func() error { return writeToken(s.o.TokenFile, full) })
	}
	return id, err
}

func writeToken(path, full string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return fmt.Errorf("cannot keep the token: %w", err)
	}
	// Not renameio.WriteFile: it keeps the mode of a file that is there.
	f, err := renameio.NewPendingFile(path, renameio.WithStaticPermissions(0o600))
	if err != nil {
		return fmt.Errorf("cannot keep the token in %s: %w", path, err)
	}
	defer f.Cleanup()
	if _, err = f.WriteString(full + "\n"); err == nil {
		err = f.CloseAtomicallyReplace()
	}
	if err != nil {
		return fmt.Errorf("cannot keep the token in %s: %w", path, err)
	}
	return nil
}

// lock keeps two runs apart, also after one was killed.
func (s *Setup) lock() (unlock func(), err error) {
	dir := filepath.Dir(s.o.TokenFile)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("cannot set up the access to Proxmox: %w", err)
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot set up the access to Proxmox: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("cannot set up the access to Proxmox: lock %s: %w", dir, err)
	}
	return func() { _ = f.Close() }, nil
}
