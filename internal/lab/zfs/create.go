package zfs

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	driver "github.com/waddle-social/waddle/pkg/zfs"
)

func (p *Pool) create(args []string) (string, error) {
	o, err := getopt(args, "psunvPo:V:b:")
	if err != nil {
		return "", err
	}
	if err := o.operands(1, 1); err != nil {
		return "", err
	}
	name := o.rest[0]
	n := fresh(name, driver.Filesystems)
	size, volume := o.last('V')
	if volume {
		n.Type, n.Block = driver.Volumes, 16<<10
	}
	what := fmt.Sprintf("cannot create '%s'", name)
	// With -p an existing dataset of the same type is success (zfs_do_create).
	if old := p.nodes[name]; old != nil && o.has('p') && old.Type == n.Type {
		return "", nil
	}
	if err := p.place(what, name, o.has('p')); err != nil {
		return "", err
	}
	pairs := o.values['o']
	if b, ok := o.last('b'); ok {
		pairs = append(pairs, "volblocksize="+b)
	}
	for _, pair := range pairs {
		if err := assign(what, n, pair, true); err != nil {
			return "", err
		}
	}
	if volume {
		if err := n.sized(what, size, o.has('s')); err != nil {
			return "", err
		}
	}
	if err := p.reserve(n, nil); err != nil {
		return "", refuse("%s: out of space", what)
	}
	return "", p.add(n)
}

// sized reads -V. The size is rounded up to the block size, and without -s it is
// reserved (zfs_do_create).
func (n *node) sized(what, size string, sparse bool) error {
	bytes, err := driver.ParseSize(size)
	if err != nil {
		return refuse("bad volume size '%s': bad numeric value '%s'", size, size)
	}
	if bytes == 0 {
		return refuse("%s: volume size cannot be zero", what)
	}
	n.Size = (bytes + n.Block - 1) / n.Block * n.Block
	if _, set := n.Props["refreservation"]; !sparse && !set {
		n.keep("refreservation", strconv.FormatUint(n.Size+n.Size/64, 10))
	}
	return nil
}

// place checks that name is free and its parent is there, making what is missing
// above it when asked to.
func (p *Pool) place(what, name string, parents bool) error {
	if err := validName(what, name); err != nil {
		return err
	}
	if p.nodes[name] != nil {
		return refuse("%s: dataset already exists", what)
	}
	up := parent(name)
	if up == "" {
		return refuse("%s: missing dataset name", what)
	}
	if p.nodes[up] == nil {
		if strings.Split(name, "/")[0] != p.o.Pool {
			return refuse("%s: no such pool '%s'", what, strings.Split(name, "/")[0])
		}
		if !parents {
			return refuse("%s: parent does not exist", what)
		}
		if err := p.place(what, up, true); err != nil {
			return err
		}
		return p.add(fresh(up, driver.Filesystems))
	}
	if p.nodes[up].Type != driver.Filesystems {
		return refuse("%s: parent is not a filesystem", what)
	}
	return nil
}

// validName is zfs_validate_name in short.
func validName(what, name string) error {
	if len(name) > 255 {
		return refuse("%s: name is too long", what)
	}
	for _, part := range strings.FieldsFunc(name, func(r rune) bool { return r == '/' || r == '@' }) {
		for _, c := range part {
			if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.: ", c) {
				return refuse("%s: invalid character '%c' in name", what, c)
			}
		}
	}
	if strings.Contains(name, "//") || strings.HasSuffix(name, "/") {
		return refuse("%s: empty component or trailing slash in name", what)
	}
	return nil
}

func fresh(name, kind string) *node {
	return &node{Name: name, Type: kind, GUID: newGUID(), Created: time.Now().Unix()}
}

func newGUID() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return binary.LittleEndian.Uint64(b[:]) >> 1
}

// add writes the data file first and the record last: what is cut short never
// existed.
func (p *Pool) add(n *node) error {
	if n.Size > 0 {
		if err := p.ensureData(n); err != nil {
			return err
		}
	}
	if err := p.save(n); err != nil {
		return err
	}
	if n.Type == driver.Volumes {
		p.link(n)
	}
	return nil
}

func (p *Pool) ensureData(n *node) error {
	f, err := os.OpenFile(p.dataFile(n), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && info.Size() < int64(n.Size) {
		err = f.Truncate(int64(n.Size))
	}
	return errors.Join(err, f.Close())
}

func (p *Pool) snapshot(args []string) (string, error) {
	o, err := getopt(args, "ro:")
	if err != nil {
		return "", err
	}
	if err := o.operands(1, 0); err != nil {
		return "", err
	}
	for _, name := range o.rest {
		dataset, _, found := strings.Cut(name, "@")
		if !found {
			return "", refuse("cannot create snapshot '%s': missing '@' delimiter in snapshot name, did you mean to use -r?", name)
		}
		what := fmt.Sprintf("cannot create snapshot '%s'", name)
		if err := validName(what, name); err != nil {
			return "", err
		}
		of := p.nodes[dataset]
		if of == nil {
			return "", refuse("cannot open '%s': dataset does not exist", dataset)
		}
		if p.nodes[name] != nil {
			return "", refuse("%s: dataset already exists", what)
		}
		n := fresh(name, driver.Snapshots)
		n.Size, n.Block, n.Order = of.Size, of.Block, p.nextOrder()
		for _, pair := range o.values['o'] {
			if err := assign(what, n, pair, true); err != nil {
				return "", err
			}
		}
		if n.Size > 0 {
			if err := p.refill(n, of); err != nil {
				return "", err
			}
		}
		if err := p.add(n); err != nil {
			return "", err
		}
	}
	return "", nil
}

func (p *Pool) nextOrder() uint64 {
	var last uint64
	for _, n := range p.nodes {
		last = max(last, n.Order)
	}
	return last + 1
}

func (p *Pool) clone(args []string) (string, error) {
	o, err := getopt(args, "po:u")
	if err != nil {
		return "", err
	}
	if err := o.operands(2, 2); err != nil {
		return "", err
	}
	from := p.nodes[o.rest[0]]
	if from == nil || from.Type != driver.Snapshots {
		return "", refuse("cannot open '%s': dataset does not exist", o.rest[0])
	}
	name := o.rest[1]
	what := fmt.Sprintf("cannot create '%s'", name)
	if o.has('p') && p.nodes[name] != nil {
		return "", nil
	}
	if err := p.place(what, name, o.has('p')); err != nil {
		return "", err
	}
	n := fresh(name, driver.Filesystems)
	if from.Size > 0 {
		n.Type = driver.Volumes
	}
	n.Origin, n.Size, n.Block = from.Name, from.Size, from.Block
	for _, pair := range o.values['o'] {
		if err := assign(what, n, pair, false); err != nil {
			return "", err
		}
	}
	if n.Size > 0 {
		if err := p.refill(n, from); err != nil {
			return "", err
		}
	}
	return "", p.add(n)
}
