package grammar

import "strings"

// MaxCommand is the longest exec string that is looked at, in bytes. The longest
// that the driver sends has a volume's context of a few hundred.
const MaxCommand = 64 << 10

// Parse returns the command that s is. Every error is a Refusal.
func Parse(l Layout, s string) (Command, error) {
	if len(s) > MaxCommand {
		return nil, refuse("the command has %d bytes, at most %d are read", len(s), MaxCommand)
	}
	c, err := l.parse(s)
	if err != nil {
		return nil, err
	}
	if c.Render(l) != s {
		return nil, refuse("the command is not written the way democratic-csi writes it: %s", quote(s))
	}
	return c, nil
}

func (l Layout) parse(s string) (Command, error) {
	switch {
	case s == "echo $0":
		return Shell{}, nil
	case s == "uname -s", s == "uname -r":
		return Uname{Release: s == "uname -r"}, nil
	case strings.HasPrefix(s, zfsPath):
		return l.zfs(s[len(zfsPath):])
	case strings.HasPrefix(s, copyStart):
		return l.copy(s)
	case strings.HasPrefix(s, scriptStart):
		return l.script(s)
	}
	return nil, refuse("%s is none of democratic-csi's commands; this endpoint has no shell and runs nothing else", quote(s))
}

const (
	copyStart  = "/bin/sh -c 'zfs send "
	copyMiddle = " | zfs receive "
)

// copy reads the one pipe that the driver uses.
func (l Layout) copy(s string) (Command, error) {
	body, closed := strings.CutSuffix(s[len(copyStart):], "'")
	from, to, joined := strings.Cut(body, copyMiddle)
	if !closed || !joined {
		return nil, refuse("zfs send and receive are not written as `zfs send A | zfs receive B`; the command was cut off on the way")
	}
	var c Copy
	var err error
	if c.From, err = l.object(from); err != nil {
		return nil, err
	}
	if c.To, err = l.object(to); err != nil {
		return nil, err
	}
	if !c.From.IsSnapshot() || (!c.To.IsVolume() && !c.To.IsDetached()) {
		return nil, refuse("%s to %s is no copy of a snapshot to a volume or a detached snapshot", quote(from), quote(to))
	}
	return c, nil
}
