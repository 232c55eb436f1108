package netfw

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-iptables/iptables"
)

// Flavour is which part of the kernel the iptables commands talk to.
type Flavour string

// The flavours.
const (
	NFTables Flavour = "nf_tables"
	Legacy   Flavour = "legacy"
)

// tools is what was found out about the iptables commands.
type tools struct {
	flavour Flavour
	version string
	save    map[Family]string // paths
	restore map[Family]string
}

// lockSeconds is how long a command waits for another one that holds the lock.
// The nf_tables flavour has no lock and ignores it.
const lockSeconds = "5"

// commandTimeout bounds a command that hangs.
const commandTimeout = 30 * time.Second

// MissingError says that a program is not, or no longer, on the host.
type MissingError struct {
	Program string
	Err     error
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("cannot find %s: install the package iptables: %v", e.Program, e.Err)
}

func (e *MissingError) Unwrap() error { return e.Err }

func (d *Driver) findTools() (*tools, error) {
	if d.tools != nil {
		return d.tools, nil
	}
	t := &tools{save: map[Family]string{}, restore: map[Family]string{}}
	for f, name := range map[Family]string{IPv4: "iptables", IPv6: "ip6tables"} {
		for suffix, into := range map[string]map[Family]string{"-save": t.save, "-restore": t.restore} {
			p, err := exec.LookPath(name + suffix)
			if err != nil {
				return nil, &MissingError{name + suffix, err}
			}
			into[f] = p
		}
	}
	if err := d.op("exec:iptables --version"); err != nil {
		return nil, err
	}
	ipt, err := iptables.New(iptables.IPFamily(iptables.ProtocolIPv4), iptables.Timeout(5))
	if err != nil {
		return nil, fmt.Errorf("cannot use iptables: %w", err)
	}
	major, minor, patch := ipt.GetIptablesVersion()
	t.version = fmt.Sprintf("%d.%d.%d", major, minor, patch)
	if major < 1 || major == 1 && minor < 8 {
		return nil, fmt.Errorf("cannot use iptables %s: 1.8 or later is needed, for `iptables-restore --noflush -w`", t.version)
	}
	v4, v6 := flavourOf(t.save[IPv4]), flavourOf(t.save[IPv6])
	r4, r6 := flavourOf(t.restore[IPv4]), flavourOf(t.restore[IPv6])
	if v4 != v6 || v4 != r4 || v4 != r6 {
		return nil, fmt.Errorf("cannot use iptables: iptables-save is %s, ip6tables-save %s, iptables-restore %s, ip6tables-restore %s; choose one with update-alternatives --config iptables, and the same for ip6tables", v4, v6, r4, r6)
	}
	t.flavour = v4
	d.tools = t
	return t, nil
}

// flavourOf tells by the program that the command's name leads to:
// xtables-nft-multi or xtables-legacy-multi. That takes no process.
func flavourOf(command string) Flavour {
	real, err := filepath.EvalSymlinks(command)
	if err == nil && strings.Contains(filepath.Base(real), "legacy") {
		return Legacy
	}
	return NFTables
}

// run starts one of the commands and returns what it printed.
func (d *Driver) run(ctx context.Context, path, stdin string, args ...string) (string, error) {
	name := filepath.Base(path)
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Env = []string{"LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	err := cmd.Run()
	if err == nil {
		return out.String(), nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "", &MissingError{name, err}
	}
	if ctx.Err() != nil {
		return "", fmt.Errorf("cannot run %s: %w", name, ctx.Err())
	}
	if text := strings.TrimSpace(stderr.String()); text != "" {
		return "", fmt.Errorf("%s: %w: %s", name, err, text)
	}
	return "", fmt.Errorf("%s: %w", name, err)
}

// save lists every table of a family. It is one process.
func (d *Driver) save(ctx context.Context, t *tools, f Family) (saved, error) {
	name := filepath.Base(t.save[f])
	if err := d.op("exec:" + name); err != nil {
		return nil, err
	}
	text, err := d.run(ctx, t.save[f], "", "-c")
	if err != nil {
		return nil, fmt.Errorf("cannot list the firewall rules: %w", err)
	}
	if t := unreadableTable(text); t != "" {
		return nil, fmt.Errorf("cannot list the firewall rules: table %s %s holds rules that only nft can read, so iptables cannot change it either; move them to a table of another name (nft list table %s %s)", f, t, f, t)
	}
	s, err := parseSave(text)
	if err != nil {
		return nil, fmt.Errorf("cannot read what %s printed: %w", name, err)
	}
	return s, nil
}

// restore loads input without flushing what it does not name. test only parses it.
func (d *Driver) restore(ctx context.Context, t *tools, f Family, input string, test bool) error {
	op := "exec:" + filepath.Base(t.restore[f])
	args := []string{"--noflush", "-w", lockSeconds}
	if test {
		op += " --test"
		args = append(args, "--test")
	}
	if err := d.op(op); err != nil {
		return err
	}
	if _, err := d.run(ctx, t.restore[f], input, args...); err != nil {
		return fmt.Errorf("cannot load the %s firewall rules: %w", f, err)
	}
	return nil
}

// unreadable is how iptables-save of the nf_tables flavour says that a table
// was changed with nft in ways that it cannot print.
var unreadable = regexp.MustCompile("(?m)^# Table `(\\w+)' is incompatible, use 'nft' tool")

func unreadableTable(text string) string {
	for _, m := range unreadable.FindAllStringSubmatch(text, -1) {
		if slices.Contains(tables, m[1]) {
			return m[1]
		}
	}
	return ""
}
