package zfs

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	driver "github.com/waddle-social/waddle/pkg/zfs"
)

// A stream is the magic, the length of the header and the header (JSON), then
// for each stretch of data its offset, length and bytes, and at the end one of
// length 0.
const magic = 0x2F5bacbac // DMU_BACKUP_MAGIC of the real streams

func (p *Pool) send(args []string, to io.Writer) error {
	if len(args) != 1 || to == nil {
		return misuse("missing snapshot argument")
	}
	p.mu.Lock()
	n := p.nodes[args[0]]
	p.mu.Unlock()
	if n == nil || n.Type != driver.Snapshots {
		return refuse("cannot open '%s': dataset does not exist", args[0])
	}
	header, err := json.Marshal(n)
	if err != nil {
		return err
	}
	if err := write(to, uint64(magic), uint64(len(header)), header); err != nil {
		return refuse("warning: cannot send '%s': %v", n.Name, err)
	}
	if n.Size > 0 {
		if err := p.sendData(n, to); err != nil {
			return refuse("warning: cannot send '%s': %v", n.Name, err)
		}
	}
	if err := write(to, uint64(0), uint64(0)); err != nil {
		return refuse("warning: cannot send '%s': %v", n.Name, err)
	}
	return nil
}

func (p *Pool) sendData(n *node, to io.Writer) error {
	f, err := os.Open(p.dataFile(n))
	if err != nil {
		return err
	}
	defer f.Close()
	return extents(f, int64(n.Size), func(offset, length int64) error {
		if err := write(to, uint64(offset), uint64(length)); err != nil {
			return err
		}
		_, err := io.Copy(to, io.NewSectionReader(f, offset, length))
		return err
	})
}

func write(to io.Writer, values ...any) error {
	for _, v := range values {
		if err := binary.Write(to, binary.BigEndian, v); err != nil {
			return err
		}
	}
	return nil
}

func (p *Pool) receive(args []string, from io.Reader) error {
	o, err := getopt(args, "vnFusdeo:x:")
	if err != nil {
		return err
	}
	if err := o.operands(1, 1); err != nil {
		return err
	}
	name := o.rest[0]
	if from == nil {
		return refuse("cannot receive: failed to read from stream")
	}
	sent, err := readHeader(from)
	if err != nil {
		return err
	}
	const what = "cannot receive new filesystem stream"
	p.mu.Lock()
	if p.nodes[name] != nil {
		p.mu.Unlock()
		return refuse("%s: destination '%s' exists\nmust specify -F to overwrite it", what, name)
	}
	err = p.place(what, name, false)
	p.mu.Unlock()
	if err != nil {
		return err
	}
	return p.arrive(name, sent, from)
}

// arrive takes in the data under no lock, and makes the dataset and its snapshot
// known only when all of it is there.
func (p *Pool) arrive(name string, sent *node, from io.Reader) error {
	n := fresh(name, driver.Filesystems)
	if sent.Size > 0 {
		n.Type = driver.Volumes
	}
	n.Size, n.Block = sent.Size, sent.Block
	if n.Size > 0 {
		if err := p.ensureData(n); err != nil {
			return err
		}
	}
	if err := p.readData(n, from); err != nil {
		_ = removeFile(p.dataFile(n))
		return refuse("cannot receive: failed to read from stream")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.nodes[name] != nil {
		_ = removeFile(p.dataFile(n))
		return refuse("cannot receive new filesystem stream: destination '%s' exists\nmust specify -F to overwrite it", name)
	}
	s := fresh(name+"@"+snapshotName(sent.Name), driver.Snapshots)
	s.Size, s.Block, s.Order = n.Size, n.Block, p.nextOrder()
	if n.Size > 0 {
		if err := p.refill(s, n); err != nil {
			return err
		}
	}
	return errors.Join(p.add(n), p.add(s))
}

func (p *Pool) readData(n *node, from io.Reader) error {
	for {
		var at, length uint64
		if err := read(from, &at, &length); err != nil {
			return err
		}
		if length == 0 {
			return nil
		}
		if at+length > n.Size {
			return fmt.Errorf("data beyond the volume")
		}
		f, err := os.OpenFile(p.dataFile(n), os.O_RDWR, 0)
		if err != nil {
			return err
		}
		_, err = io.CopyN(io.NewOffsetWriter(f, int64(at)), from, int64(length))
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
}

func readHeader(from io.Reader) (*node, error) {
	var found, length uint64
	if err := read(from, &found, &length); err != nil {
		return nil, refuse("cannot receive: failed to read from stream")
	}
	if found != magic || length > 1<<20 {
		return nil, refuse("cannot receive: invalid stream (bad magic number)")
	}
	header := make([]byte, length)
	if _, err := io.ReadFull(from, header); err != nil {
		return nil, refuse("cannot receive: failed to read from stream")
	}
	n := &node{}
	if err := json.Unmarshal(header, n); err != nil {
		return nil, refuse("cannot receive: invalid stream (bad magic number)")
	}
	return n, nil
}

func read(from io.Reader, to ...*uint64) error {
	for _, v := range to {
		if err := binary.Read(from, binary.BigEndian, v); err != nil {
			return err
		}
	}
	return nil
}

func snapshotName(full string) string {
	for i := 0; i < len(full); i++ {
		if full[i] == '@' {
			return full[i+1:]
		}
	}
	return full
}
