package access

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Proof is why switching passwords off locks nobody out.
type Proof struct {
	Keys []string // the platform's keys, each a line as in a .pub file
	// SessionOpen is when the operator gave their word that they are logged in
	// with a key; zero means never. Without it, or when the keys were written
	// since, a login with one of them has to be in the log.
	SessionOpen time.Time
}

// LockoutError says why passwords stay on. Nothing was changed.
type LockoutError struct{ Reasons []string }

func (e *LockoutError) Error() string {
	return "cannot switch SSH passwords off without locking somebody out: " + strings.Join(e.Reasons, "; ")
}

// ApplySSH makes sshd take keys alone, and reloads it. The configuration is
// tried by sshd in a copy first and again in place; one that it refuses is never
// reloaded, and what was there comes back.
//
// It returns a *ConflictError when somebody else's line says otherwise, and a
// *LockoutError until one of the keys can log in by what is installed, and a
// login with it was seen since or the operator has said since to have one open.
func (d *Driver) ApplySSH(ctx context.Context, proof Proof) error {
	d.write.Lock()
	defer d.write.Unlock()
	f, err := d.LookSSH(ctx)
	if err != nil {
		return err
	}
	if err := f.settled(); err != nil {
		return err
	}
	if len(f.Differences) == 0 {
		return nil
	}
	values, err := d.try(ctx, dropInText())
	if err != nil {
		return fmt.Errorf("cannot switch SSH passwords off: %w", err)
	}
	if x := contradictions(values); len(x) > 0 {
		return &ConflictError{x}
	}
	if err := d.safe(ctx, proof, values); err != nil {
		return err
	}
	return d.changeSSH(ctx, ourDropIn())
}

// safe refuses what would lock the operator out.
func (d *Driver) safe(ctx context.Context, proof Proof, values map[string]string) error {
	var reasons []string
	if values["pubkeyauthentication"] != "yes" {
		reasons = append(reasons, "PubkeyAuthentication is "+values["pubkeyauthentication"]+", so no key is taken: set it to yes")
	}
	if v := values["permitrootlogin"]; !rootByKey(v) {
		reasons = append(reasons, "PermitRootLogin is "+v+", so root cannot log in with a key: delete that line")
	}
	if !readsRootsKeys(values["authorizedkeysfile"]) {
		reasons = append(reasons, "AuthorizedKeysFile is "+values["authorizedkeysfile"]+", so "+keysPath+" is not read")
	}
	installed, err := d.installed(ctx, proof.Keys, time.Now())
	if err != nil {
		return err
	}
	if len(installed) == 0 {
		reasons = append(reasons, "no key of the platform is installed in "+keysPath+" without options that restrict it")
	} else {
		reason, err := d.unproven(ctx, proof, installed)
		if err != nil {
			return err
		}
		if reason != "" {
			reasons = append(reasons, reason)
		}
	}
	if len(reasons) > 0 {
		return &LockoutError{reasons}
	}
	return nil
}

// unproven is why nothing shows yet that one of the keys lets its owner in. The
// operator's word counts, as a login does, only since the keys were last written.
func (d *Driver) unproven(ctx context.Context, proof Proof, installed []key) (string, error) {
	written, err := d.keysWritten()
	if err != nil {
		return "", err
	}
	if proof.SessionOpen.After(written) {
		return "", nil
	}
	_, seen, err := d.keyLogin(ctx, installed)
	switch {
	case err != nil || seen:
		return "", err
	case !proof.SessionOpen.IsZero():
		return "that a session is open was said at " + proof.SessionOpen.UTC().Format(time.RFC3339) + ", and the keys were written since: log in with one of them, or say it again", nil
	}
	return "no login with a key of the platform was seen since it was installed: log in with it once, or say that you have a session open that did", nil
}

func readsRootsKeys(files string) bool {
	for _, f := range strings.Fields(files) {
		if f == ".ssh/authorized_keys" || f == "%h/.ssh/authorized_keys" || f == keysPath {
			return true
		}
	}
	return false
}

// changeSSH makes our file as it should be, has sshd check the whole, and
// reloads it. A mark on disk makes the reload happen even when we die before it.
func (d *Driver) changeSSH(ctx context.Context, want FileState) error {
	before, err := d.look(sshdDropIn)
	if err != nil {
		return err
	}
	pending := d.exists(reloadPending)
	if err := d.mkdir(stateDir, 0o700); err != nil {
		return err
	}
	if err := d.put(FileState{Path: reloadPending, Exists: true, Mode: 0o600}); err != nil {
		return err
	}
	if err := d.restore(want); err != nil {
		return err
	}
	if _, err := d.run(ctx, sshdProgram, "-t"); err != nil {
		err = d.takeBack(before, fmt.Errorf("it refuses its configuration: %w", err))
		if !pending {
			err = errors.Join(err, d.remove(reloadPending)) // it has read nothing of ours
		}
		return err
	}
	if err := d.reload(ctx); err != nil {
		return d.takeBack(before, err)
	}
	return d.remove(reloadPending)
}

// takeBack puts the former file back after sshd has refused to work with ours.
// Where sshd has perhaps read ours already, the mark stays and the next run
// reloads.
func (d *Driver) takeBack(before FileState, cause error) error {
	if err := d.restore(before); err != nil {
		return errors.Join(fmt.Errorf("cannot reload sshd: %w", cause), err)
	}
	return fmt.Errorf("cannot reload sshd: %w; %s is as it was before", cause, sshdDropIn)
}
