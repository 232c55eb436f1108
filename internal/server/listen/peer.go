package listen

import (
	"fmt"
	"net"
	"os/user"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// Peer is the process at the other end of a unix socket, as the kernel attests
// it (SO_PEERCRED, unix(7)).
type Peer struct {
	UID, GID uint32
	PID      int32
}

// PeerOf returns who is at the other end of c.
func PeerOf(c *net.UnixConn) (Peer, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return Peer{}, fmt.Errorf("cannot see who is calling: %w", err)
	}
	var cred *unix.Ucred
	var credErr error
	err = raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err == nil {
		err = credErr
	}
	if err != nil {
		return Peer{}, fmt.Errorf("cannot see who is calling: %w", err)
	}
	return Peer{UID: cred.Uid, GID: cred.Gid, PID: cred.Pid}, nil
}

// Name is how the journal calls the peer: "uid 0 (root)".
func (p Peer) Name() string {
	u, err := user.LookupId(strconv.Itoa(int(p.UID)))
	if err != nil {
		return fmt.Sprintf("uid %d", p.UID)
	}
	return fmt.Sprintf("uid %d (%s)", p.UID, u.Username)
}

// InGroup reports whether the peer's user is in the group, as its primary group
// or by /etc/group: it is looked up at each call, so that a user who was added
// need not log in again and one who was removed is out at once.
func (p Peer) InGroup(name string) bool {
	g, err := user.LookupGroup(name)
	if err != nil {
		return false
	}
	if strconv.Itoa(int(p.GID)) == g.Gid {
		return true
	}
	u, err := user.LookupId(strconv.Itoa(int(p.UID)))
	if err != nil {
		return false
	}
	ids, err := u.GroupIds()
	return err == nil && slices.Contains(ids, g.Gid)
}
