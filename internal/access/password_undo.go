package access

import (
	"context"
	"fmt"
	"strings"
)

// ShowUndoRootPassword says what UndoRootPassword would change. Of the hashes
// it says nothing.
func (d *Driver) ShowUndoRootPassword(context.Context) ([]Difference, error) {
	before, err := d.look(passwordBefore)
	if err != nil || !before.Exists {
		return nil, err
	}
	m, err := d.readMark()
	if err != nil {
		return nil, err
	}
	r, err := d.readShadow()
	if err != nil {
		return nil, err
	}
	x := Difference{Kind: Change, Object: "root's password", Is: "set by waddled", Want: "the former one"}
	if _, ours := m.ours(r.field[fieldHash]); !ours {
		x = Difference{Kind: Remove, Object: "file " + passwordBefore, Is: "the former hash", Note: "root's password was changed since, and stays"}
	}
	return []Difference{x}, nil
}

// UndoRootPassword puts the former hash back, if the one in /etc/shadow is still
// ours, and forgets the former one. A password that somebody has set since stays.
func (d *Driver) UndoRootPassword(context.Context) error {
	d.write.Lock()
	defer d.write.Unlock()
	release, err := d.lockShadow()
	if err != nil {
		return err
	}
	defer release()
	before, err := d.look(passwordBefore)
	if err != nil {
		return err
	}
	if before.Exists {
		if err := d.formerHash(strings.TrimSpace(string(before.Content))); err != nil {
			return err
		}
	}
	if err := d.remove(passwordMark); err != nil {
		return err
	}
	return d.remove(passwordBefore)
}

func (d *Driver) formerHash(before string) error {
	m, err := d.readMark()
	if err != nil {
		return err
	}
	r, err := d.readShadow()
	if err != nil {
		return err
	}
	if _, ours := m.ours(r.field[fieldHash]); !ours {
		return nil
	}
	hash, changed, ok := strings.Cut(before, ":")
	if !ok {
		return fmt.Errorf("cannot put root's former password back: %s is damaged; set one with passwd root", passwordBefore)
	}
	return d.put(r.with(hash, changed))
}
