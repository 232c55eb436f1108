package access

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// ApplyKeys installs the platform's keys and takes away those of our block that
// it no longer has. It returns a *ConflictError, before it changes anything,
// when sshd would ignore the file for a reason that is not ours to remove, and
// when SSH takes no passwords and no key would stay with which somebody could
// log in until now, or has ever.
func (d *Driver) ApplyKeys(ctx context.Context, platform []string) error {
	d.write.Lock()
	defer d.write.Unlock()
	f, plan, err := d.lookKeys(ctx, platform)
	if err != nil {
		return err
	}
	if err := f.settled(); err != nil {
		return err
	}
	if err := d.keysDir(plan.file.Path); err != nil {
		return err
	}
	for _, dir := range plan.modes {
		if err := d.setDir(dir); err != nil {
			return err
		}
	}
	if plan.is.same(plan.file) || !plan.is.Exists && len(plan.file.Content) == 0 {
		return nil
	}
	return d.put(plan.file)
}

// keysDir makes /root/.ssh. The directory of a link's target is somebody
// else's: where it is missing, its file system is not mounted.
func (d *Driver) keysDir(path string) error {
	dir := filepath.Dir(path)
	if dir == sshDir {
		return d.mkdir(sshDir, 0o700)
	}
	if _, err := os.Stat(d.at(dir)); err != nil {
		return fmt.Errorf("cannot write %s: it is a link to %s: %w; is that file system mounted? On Proxmox VE: systemctl status pve-cluster", keysPath, path, err)
	}
	return nil
}
