package access

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/go-crypt/x/yescrypt"
	"golang.org/x/sys/unix"
)

const (
	shadowPath = "/etc/shadow"
	shadowLock = "/etc/.pwd.lock" // lckpwdf(3)
)

// The fields of a line of shadow(5) that are ours to change.
const (
	fieldHash    = 1
	fieldChanged = 2 // days since 1970-01-01
	shadowFields = 9
)

// rootLine is root's line of /etc/shadow and where it is.
type rootLine struct {
	file  FileState
	start int
	end   int
	field []string
}

func (d *Driver) readShadow() (rootLine, error) {
	var r rootLine
	file, err := d.look(shadowPath)
	if err != nil {
		return r, err
	}
	at := 0
	for _, line := range bytes.SplitAfter(file.Content, []byte("\n")) {
		if bytes.HasPrefix(line, []byte("root:")) {
			text := strings.TrimSuffix(string(line), "\n")
			r = rootLine{file: file, start: at, end: at + len(text), field: strings.Split(text, ":")}
			break
		}
		at += len(line)
	}
	if len(r.field) != shadowFields {
		return r, fmt.Errorf("cannot find root in %s: pwconv makes that file from /etc/passwd", shadowPath)
	}
	return r, nil
}

// with returns the file with another hash and day of change for root.
func (r rootLine) with(hash, changed string) FileState {
	field := append([]string{}, r.field...)
	field[fieldHash], field[fieldChanged] = hash, changed
	out := r.file
	out.Content = append([]byte{}, r.file.Content[:r.start]...)
	out.Content = append(out.Content, strings.Join(field, ":")...)
	out.Content = append(out.Content, r.file.Content[r.end:]...)
	return out
}

func today(now time.Time) string { return strconv.FormatInt(now.Unix()/86400, 10) }

// yescryptCost is Debian's own (login.defs, YESCRYPT_COST_FACTOR 5): N=4096, r=32.
const yescryptCost = "$y$j9T$"

// saltOf returns the salt of a yescrypt hash, "" for any other. A salt is random
// and says nothing about the password.
func saltOf(hash string) string {
	if f := strings.Split(hash, "$"); len(f) == 5 && f[1] == "y" {
		return f[3]
	}
	return ""
}

func newSalt() string {
	raw := make([]byte, 16)
	_, _ = rand.Read(raw) // never fails: crypto/rand
	return string(yescrypt.Encode64(raw))
}

// hash is crypt(3) with yescrypt, in this process: no argument list, no pipe and
// no other program ever has the password, and no PAM module judges it anew.
func (d *Driver) hash(password Secret, salt string) (string, error) {
	h, err := yescrypt.Hash(password.text, []byte(d.cost+salt))
	if err != nil {
		return "", errors.New("cannot hash the password with yescrypt") // the cause could quote it
	}
	return string(h), nil
}

const lockWithin = 15 * time.Second // as lckpwdf(3)

// lockShadow takes the lock that passwd, chpasswd, useradd and PAM take. It is
// one of the open file, so it ends with us.
func (d *Driver) lockShadow() (release func(), err error) {
	if err := d.op("lock:" + shadowLock); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(d.at(shadowLock), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot lock %s: %w", shadowPath, err)
	}
	whole := unix.Flock_t{Type: unix.F_WRLCK}
	for end := time.Now().Add(lockWithin); ; time.Sleep(50 * time.Millisecond) {
		err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &whole)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EACCES) || time.Now().After(end) {
			return nil, errors.Join(fmt.Errorf("cannot lock %s: another program has held %s for %s; find it with: fuser %[2]s", shadowPath, shadowLock, lockWithin), err, f.Close())
		}
	}
}
