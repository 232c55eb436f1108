package access

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

const sshdProgram = "/usr/sbin/sshd"

// LookSSH compares how sshd takes logins with "by key alone". A host without
// sshd takes none, so nothing differs there.
func (d *Driver) LookSSH(ctx context.Context) (Finding, error) {
	var f Finding
	if !d.exists(sshdProgram) {
		f.note("no SSH server is installed")
		return f, nil
	}
	is, err := d.look(sshdDropIn)
	if err != nil {
		return f, err
	}
	if want := ourDropIn(); !is.same(want) {
		f.add(changing(is, want))
	}
	if d.exists(reloadPending) {
		f.add(Difference{Kind: Change, Object: "service ssh", Is: "has not read its configuration since it was changed", Want: "reloaded"})
	}
	if err := d.lookConfig(&f); err != nil {
		return f, err
	}
	if len(f.Differences) == 0 {
		err = d.lookEffective(ctx, &f)
	}
	return f, err
}

func (d *Driver) exists(path string) bool {
	_, err := os.Stat(d.at(path))
	return err == nil
}

// lookConfig finds what stands against our file by its place.
func (d *Driver) lookConfig(f *Finding) error {
	r, err := d.readSSHD(dropInText())
	if errors.Is(err, fs.ErrNotExist) {
		f.add(Difference{Kind: Conflict, Object: "file " + sshdConfig, Want: "a configuration that includes /etc/ssh/sshd_config.d/*.conf", Note: "sshd is installed and has no configuration: dpkg-reconfigure openssh-server"})
		return nil
	}
	if err != nil {
		return err
	}
	included := false
	for _, x := range r.found {
		included = included || x.file == sshdDropIn && x.match == ""
	}
	if !included {
		f.add(notIncluded(r.found))
		return nil
	}
	for _, s := range settings {
		s.lookPlace(f, r.found)
	}
	return nil
}

func notIncluded(found []directive) Difference {
	x := Difference{Kind: Conflict, Object: "file " + sshdConfig, Is: "does not include /etc/ssh/sshd_config.d/*.conf", Want: "Include /etc/ssh/sshd_config.d/*.conf",
		Note: "put it as the first line, as Debian and Proxmox VE have it"}
	for _, f := range found {
		if f.file == sshdDropIn {
			x.Is = fmt.Sprintf("includes /etc/ssh/sshd_config.d/*.conf only inside the block Match %s", f.match)
		}
	}
	return x
}

// lookPlace looks at every line about the setting: sshd takes the first global
// one, and those in Match blocks replace it for whom they match.
func (s setting) lookPlace(f *Finding, found []directive) {
	var first *directive
	for i, x := range found {
		if x.keyword != s.keyword {
			continue
		}
		switch {
		case x.match != "" && !s.closes(x.value()):
			f.note("%s: %s %s applies to those whom Match %s matches, and stays", x.place(), s.name, x.value(), x.match)
		case x.match != "":
		case first == nil && !s.closes(x.value()):
			f.add(Difference{Kind: Conflict, Object: x.place(), Is: s.name + " " + x.value(), Want: s.name + " " + s.value,
				Note: "sshd takes the first value that it reads, and this one comes before " + sshdDropIn + ": delete the line"})
		case first != nil && !s.closes(x.value()):
			f.note("%s: %s %s has no effect behind %s", x.place(), s.name, x.value(), first.place())
		}
		if first == nil && x.match == "" {
			first = &found[i]
		}
	}
}

// stranger is somebody from the internet who logs in as root: TEST-NET-1 (RFC
// 5737) and a name that cannot exist (RFC 6761).
const stranger = "user=root,host=stranger.invalid,addr=192.0.2.1,laddr=192.0.2.2,lport=22"

// effective asks sshd what a configuration means for a stranger.
func (d *Driver) effective(ctx context.Context, args ...string) (map[string]string, error) {
	out, err := d.run(ctx, sshdProgram, append([]string{"-T", "-C", stranger}, args...)...)
	if err != nil {
		return nil, fmt.Errorf("cannot ask sshd for its configuration: %w", err)
	}
	values := map[string]string{}
	for line := range strings.Lines(out) {
		keyword, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if _, twice := values[keyword]; !twice {
			values[keyword] = value
		}
	}
	return values, nil
}

// lookEffective asks sshd itself. A sshd that does not run has no privilege
// separation directory, without which it answers nothing.
func (d *Driver) lookEffective(ctx context.Context, f *Finding) error {
	if !d.exists(privsepDir) {
		f.note("sshd does not run, so it was not asked what its configuration means")
		return nil
	}
	values, err := d.effective(ctx)
	if err != nil {
		return err
	}
	for _, x := range contradictions(values) {
		f.add(x)
	}
	return nil
}

func contradictions(values map[string]string) []Difference {
	var out []Difference
	for _, s := range settings {
		if v := values[s.keyword]; !s.closes(v) {
			out = append(out, Difference{Kind: Conflict, Object: "sshd's " + s.name, Is: v, Want: s.value,
				Note: "so sshd -T says for root from a public address: a Match block in /etc/ssh decides otherwise; delete that line"})
		}
	}
	return out
}
