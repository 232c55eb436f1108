package zfs

import (
	"fmt"
	"strings"
)

// Limits of a name. MaxName is ZFS_MAX_DATASET_NAME_LEN (256) without its NUL.
// MaxComponent is what democratic-csi allows as a volume id.
const (
	MaxName      = 255
	MaxComponent = 128
	maxDepth     = 16 // far below zfs's limit of 50; nothing of ours nests deeper
)

// Root is the one dataset below which a Client works, e.g. rpool/k8s-csi.
// Its zero value is refused everywhere.
type Root struct{ name string }

// ParseRoot returns the root dataset that s names. It has to be a dataset below
// a pool: a whole pool holds the operating system too, and is refused.
func ParseRoot(s string) (Root, error) {
	if err := checkPath(s); err != nil {
		return Root{}, fmt.Errorf("cannot use %s as root dataset: %w", quote(s), err)
	}
	if !strings.Contains(s, "/") {
		return Root{}, fmt.Errorf("cannot use %s as root dataset: it is a whole pool; name a dataset below it, e.g. %s/k8s-csi", quote(s), s)
	}
	return Root{name: s}, nil
}

// String returns the dataset's name.
func (r Root) String() string { return r.name }

// Pool returns the name of the pool that the root is in.
func (r Root) Pool() string {
	pool, _, _ := strings.Cut(r.name, "/")
	return pool
}

// Dataset returns the root itself as a Name. It can be read and have properties
// set, but not destroyed, renamed or received into.
func (r Root) Dataset() Name { return Name{root: r.name, full: r.name} }

// checkPath applies the rules that all names here share. They are stricter than
// zfs's own (zfs_namecheck.c): no space, nothing that zfs gives a meaning in an
// argument (@ # % ,), no leading dash, no dot components.
func checkPath(s string) error {
	if s == "" {
		return fmt.Errorf("it is empty")
	}
	if len(s) > MaxName {
		return fmt.Errorf("it has %d bytes, zfs allows %d", len(s), MaxName)
	}
	parts := strings.Split(s, "/")
	if len(parts) > maxDepth {
		return fmt.Errorf("it has %d levels, at most %d are used", len(parts), maxDepth)
	}
	for _, p := range parts {
		if err := checkComponent(p); err != nil {
			return err
		}
	}
	return nil
}

func checkComponent(p string) error {
	if p == "" {
		return fmt.Errorf("it has an empty component")
	}
	if len(p) > MaxComponent {
		return fmt.Errorf("component %s has %d bytes, at most %d are allowed", quote(p), len(p), MaxComponent)
	}
	for i := 0; i < len(p); i++ {
		c := p[i]
		if alnum(c) || (i > 0 && (c == '-' || c == '_' || c == '.' || c == ':')) {
			continue
		}
		return fmt.Errorf("component %s has %q at byte %d; only letters, digits and - _ . : are allowed, and a letter or digit at the start", quote(p), c, i)
	}
	return nil
}

func alnum(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// quote keeps a hostile name short and printable in an error.
func quote(s string) string {
	const most = 80
	if len(s) > most {
		return fmt.Sprintf("%q… (%d bytes)", s[:most], len(s))
	}
	return fmt.Sprintf("%q", s)
}
