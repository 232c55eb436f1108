package lio

import (
	"strconv"
	"strings"
	"syscall"
)

// file is one attribute. Without show it cannot be read, without store it cannot
// be written.
type file struct {
	show   func() string
	store  func(text string) error
	first  string // what it showed when it appeared
	secret bool
	quiet  bool // not part of the printed tree
}

func (f *file) changed() (string, bool) {
	if f.show == nil || f.quiet {
		return "", false
	}
	now := f.show()
	if now == f.first {
		return "", false
	}
	if f.secret {
		return "(set)", true
	}
	return strings.TrimRight(now, "\n"), true
}

// add puts an attribute into d.
func (d *dir) add(name string, f file) {
	if f.show != nil {
		f.first = f.show()
	}
	d.files[name] = &f
}

// value is a number behind an attribute.
type value struct{ n uint64 }

func (v *value) show() string { return strconv.FormatUint(v.n, 10) + "\n" }

// u32 is kstrtou32 with base 0; a trailing newline is fine.
func u32(text string) (uint64, error) {
	n, err := strconv.ParseUint(strings.TrimSuffix(text, "\n"), 0, 64)
	switch {
	case err != nil && strings.Contains(err.Error(), "out of range"):
		return 0, syscall.ERANGE
	case err != nil:
		return 0, syscall.EINVAL
	case n > 1<<32-1:
		return 0, syscall.ERANGE
	}
	return n, nil
}

// boolean is kstrtobool.
func boolean(text string) (uint64, error) {
	if text == "" {
		return 0, syscall.EINVAL
	}
	switch text[0] {
	case 'e', 'E', 'y', 'Y', 't', 'T', '1':
		return 1, nil
	case 'd', 'D', 'n', 'N', 'f', 'F', '0':
		return 0, nil
	case 'o', 'O':
		if len(text) > 1 {
			switch text[1] {
			case 'n', 'N':
				return 1, nil
			case 'f', 'F':
				return 0, nil
			}
		}
	}
	return 0, syscall.EINVAL
}

// readOnly adds an attribute with a fixed text.
func (d *dir) readOnly(name, text string) {
	d.add(name, file{show: func() string { return text }})
}

// auth adds the four texts of an auth group (DEF_TPG_AUTH_STR and
// DEF_NACL_AUTH_STR). The kernel keeps what was written, newline included.
func (d *dir) auth(a *auth, limited bool) {
	for name, to := range map[string]*string{
		"userid": &a.user, "password": &a.password, "userid_mutual": &a.mutualUser, "password_mutual": &a.mutualPassword,
	} {
		d.add(name, file{
			secret: strings.HasPrefix(name, "password"),
			show:   func() string { return *to + "\n" },
			store: func(text string) error {
				if len(text) >= 256 {
					if limited {
						return syscall.EINVAL
					}
					text = text[:255]
				}
				*to = text
				return nil
			},
		})
	}
	d.add("authenticate_target", file{quiet: true, show: func() string {
		if set(a.mutualUser) && set(a.mutualPassword) {
			return "1\n"
		}
		return "0\n"
	}})
}

type auth struct{ user, password, mutualUser, mutualPassword string }

func set(text string) bool { return text != "" && !strings.HasPrefix(text, "NULL") }
