package zfs

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"

	driver "github.com/waddle-social/waddle/pkg/zfs"
)

var errNoSpace = errors.New("out of space")

// remember keeps an answer for the rest of one command: with a thousand volumes
// a list would otherwise ask for the size of a million files.
func (p *Pool) remember(key string, answer func() uint64) uint64 {
	if v, known := p.memo[key]; known {
		return v
	}
	v := answer()
	if p.memo == nil {
		p.memo = map[string]uint64{}
	}
	p.memo[key] = v
	return v
}

// referenced is what a dataset's data takes on disk, in bytes.
func (p *Pool) referenced(n *node) uint64 {
	return p.remember("referenced "+n.Name, func() uint64 { return p.onDisk(n) })
}

func (p *Pool) onDisk(n *node) uint64 {
	const metadata = 24 << 10 // an empty dataset takes a little
	if n.Size == 0 {
		return metadata
	}
	info, err := os.Stat(p.dataFile(n))
	if err != nil {
		return metadata
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return metadata + uint64(st.Blocks)*512
	}
	return metadata
}

// used is what name and everything below it take, reservations included.
func (p *Pool) used(name string) uint64 {
	return p.remember("used "+name, func() uint64 { return p.sum(name) })
}

func (p *Pool) sum(name string) uint64 {
	n := p.nodes[name]
	if n == nil {
		return 0
	}
	sum := max(p.referenced(n), n.bytes("refreservation"))
	for _, b := range p.below(name) {
		c := p.nodes[b]
		sum += max(p.referenced(c), c.bytes("refreservation"))
	}
	return sum
}

// available is what name can still take: the pool's rest, bounded by the quotas
// above it.
func (p *Pool) available(name string) uint64 {
	rest := p.o.Size - min(p.o.Size, p.used(p.o.Pool))
	for up := name; up != ""; up = parent(up) {
		n := p.nodes[up]
		if n == nil {
			continue
		}
		if quota := n.bytes("quota"); quota > 0 {
			rest = min(rest, quota-min(quota, p.used(up)))
		}
	}
	return rest
}

func (n *node) bytes(property string) uint64 {
	v, err := strconv.ParseUint(n.Props[property], 10, 64)
	if err != nil {
		return 0
	}
	return v
}

// reserve checks that changed's reservation fits; before is nil for a new one.
func (p *Pool) reserve(changed, before *node) error {
	want := changed.bytes("refreservation")
	var has uint64
	if before != nil {
		has = before.bytes("refreservation")
	}
	if want > has && want-has > p.available(parent(changed.Name)) {
		return errNoSpace
	}
	return nil
}

// resize gives the data file its new size.
func (p *Pool) resize(changed, before *node) error {
	if changed.Type != driver.Volumes || changed.Size == before.Size {
		return nil
	}
	return os.Truncate(p.dataFile(changed), int64(changed.Size))
}

// refill gives a volume's data file the content of another's, holes kept.
func (p *Pool) refill(to, from *node) error {
	in, err := os.Open(p.dataFile(from))
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(p.dataFile(to), os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = copySparse(out, in, int64(from.Size))
	return errors.Join(err, out.Close())
}

func below(name, root string) bool {
	return name == root || strings.HasPrefix(name, root+"/") || strings.HasPrefix(name, root+"@")
}
