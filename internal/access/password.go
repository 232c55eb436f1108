package access

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

const passwordMark = stateDir + "/root-password.json"

// mark remembers that a password was set, by time and salt: neither says
// anything about the password. A second salt is there while one replaces the other.
type mark struct {
	Set []setAt `json:"set"`
}

type setAt struct {
	At   time.Time `json:"at"`
	Salt string    `json:"salt"`
}

// ours returns when the hash was set by us.
func (m mark) ours(hash string) (time.Time, bool) {
	salt := saltOf(hash)
	i := slices.IndexFunc(m.Set, func(s setAt) bool { return salt != "" && s.Salt == salt })
	if i < 0 {
		return time.Time{}, false
	}
	return m.Set[i].At, true
}

func (d *Driver) readMark() (mark, error) {
	var m mark
	f, err := d.look(passwordMark)
	if err != nil || !f.Exists {
		return m, err
	}
	if err := json.Unmarshal(f.Content, &m); err != nil {
		return m, fmt.Errorf("cannot read %s: %w; delete it, then set root's password again", passwordMark, err)
	}
	return m, nil
}

func (d *Driver) writeMark(m mark) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return d.put(FileState{Path: passwordMark, Exists: true, Content: append(b, '\n'), Mode: 0o600})
}

// RootPasswordSet returns when SetRootPassword has set root's password, and
// false when it has not, or when somebody has changed it since. Whether a
// password is the provider's default one cannot be known.
func (d *Driver) RootPasswordSet(context.Context) (time.Time, bool, error) {
	m, err := d.readMark()
	if err != nil {
		return time.Time{}, false, err
	}
	r, err := d.readShadow()
	if err != nil {
		return time.Time{}, false, err
	}
	at, ours := m.ours(r.field[fieldHash])
	return at, ours, nil
}

// SetRootPassword makes root's password what it is given and overwrites that: who
// wants to show it calls Reveal before. It is kept nowhere: only its yescrypt
// hash, where every Linux has it. A caller that dies before the password was shown
// sets another one.
func (d *Driver) SetRootPassword(_ context.Context, password Secret) error {
	defer password.Forget()
	if why := unfit(password.text); why != "" {
		return fmt.Errorf("cannot set root's password: %s", why)
	}
	d.write.Lock()
	defer d.write.Unlock()
	now := time.Now()
	salt := newSalt()
	h, err := d.hash(password, salt)
	if err != nil {
		return err
	}
	release, err := d.lockShadow()
	if err != nil {
		return err
	}
	defer release()
	return d.changeShadow(setAt{now.UTC(), salt}, h)
}

// changeShadow writes the salt, then the hash: whoever comes after a crash knows
// whether the hash in /etc/shadow is ours.
func (d *Driver) changeShadow(set setAt, hash string) error {
	m, err := d.readMark()
	if err != nil {
		return err
	}
	r, err := d.readShadow()
	if err != nil {
		return err
	}
	if err := d.mkdir(stateDir, 0o700); err != nil {
		return err
	}
	if _, ours := m.ours(r.field[fieldHash]); !ours {
		m.Set = nil
	}
	if err := d.writeMark(mark{append(m.Set, set)}); err != nil {
		return err
	}
	if err := d.put(r.with(hash, today(set.At))); err != nil {
		return err
	}
	d.log.Info("root's password set")
	return d.writeMark(mark{[]setAt{set}})
}
