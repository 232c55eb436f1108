package netfw

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ForwardingBefore is what was there before the first ApplyForwarding.
type ForwardingBefore struct {
	Live string `json:"live"` // net.ipv4.ip_forward, "0" or "1"
	// Beside are the values that the kernel changes along with ip_forward:
	// every interface's forwarding and conf/all/accept_redirects, by path
	// under /proc.
	Beside  map[string]string `json:"beside"`
	Own     FileState         `json:"own"`
	Foreign []ForeignFile     `json:"foreign"`
}

// CaptureForwarding records what is there, for UndoForwarding.
func (d *Driver) CaptureForwarding(ctx context.Context) (ForwardingBefore, error) {
	var b ForwardingBefore
	var err error
	if b.Live, err = d.sysctl(ipForward); err != nil {
		return b, err
	}
	if b.Beside, err = d.besideForwarding(); err != nil {
		return b, err
	}
	if b.Own, err = d.captureFile(ownSysctl); err != nil {
		return b, err
	}
	files, err := d.sysctlFiles()
	if err != nil {
		return b, err
	}
	for _, s := range files {
		left := withoutOn(s.content)
		if len(left) == len(s.content) || !strings.HasPrefix(s.path, "/etc/") {
			continue
		}
		ff, err := d.captureForeign(s.path, left)
		if err != nil {
			return b, err
		}
		b.Foreign = append(b.Foreign, ff)
	}
	return b, nil
}

const ipv4Conf = "sys/net/ipv4/conf"

func (d *Driver) besideForwarding() (map[string]string, error) {
	entries, err := os.ReadDir(filepath.Join(d.proc, ipv4Conf))
	if err != nil {
		return nil, fmt.Errorf("cannot list the interfaces' sysctls: %w", err)
	}
	out := map[string]string{}
	names := []string{ipv4Conf + "/all/accept_redirects"}
	for _, e := range entries {
		if e.Name() != "all" { // that is ip_forward itself
			names = append(names, filepath.Join(ipv4Conf, e.Name(), "forwarding"))
		}
	}
	for _, n := range names {
		v, err := d.sysctl(n)
		if errors.Is(err, fs.ErrNotExist) {
			continue // the interface went away meanwhile
		}
		if err != nil {
			return nil, err
		}
		out[n] = v
	}
	return out, nil
}

// ShowUndoForwarding says what UndoForwarding would change.
func (d *Driver) ShowUndoForwarding(ctx context.Context, b ForwardingBefore) ([]Difference, error) {
	out, err := d.undoFiles([]FileState{b.Own}, b.Foreign)
	if err != nil {
		return nil, err
	}
	live, err := d.sysctl(ipForward)
	if err != nil {
		return nil, err
	}
	if live != b.Live {
		out = append(out, Difference{Kind: Change, Object: "sysctl net.ipv4.ip_forward", Is: live, Want: b.Live})
	}
	now, err := d.besideForwarding()
	if err != nil {
		return nil, err
	}
	for _, n := range b.besideNames() {
		if v, ok := now[n]; ok && v != b.Beside[n] {
			name := strings.ReplaceAll(strings.TrimPrefix(n, "sys/"), "/", ".")
			out = append(out, Difference{Kind: Change, Object: "sysctl " + name, Is: v, Want: b.Beside[n]})
		}
	}
	return out, nil
}

func (b ForwardingBefore) besideNames() []string {
	var out []string
	for n := range b.Beside {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

// UndoForwarding puts back what CaptureForwarding saw. An interface that came
// since gets what the kernel gives it.
func (d *Driver) UndoForwarding(ctx context.Context, b ForwardingBefore) error {
	d.write.Lock()
	defer d.write.Unlock()
	if err := d.undoConflicts(b.Foreign); err != nil {
		return err
	}
	live, err := d.sysctl(ipForward)
	if err != nil {
		return err
	}
	if live != b.Live {
		if err := d.setSysctl(ipForward, b.Live); err != nil {
			return err
		}
	}
	now, err := d.besideForwarding()
	if err != nil {
		return err
	}
	for _, n := range b.besideNames() {
		if v, ok := now[n]; ok && v != b.Beside[n] {
			if err := d.setSysctl(n, b.Beside[n]); err != nil {
				return err
			}
		}
	}
	return d.putFilesBack([]FileState{b.Own}, b.Foreign)
}
