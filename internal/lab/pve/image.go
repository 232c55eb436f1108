package pve

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strings"
)

// imageSize returns the virtual size of an image file in bytes: of a qcow2 what its header says,
// of anything else its length. It refuses what qemu-img would refuse.
func imageSize(real, shown string) (int64, error) {
	f, err := os.Open(real)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if !strings.HasSuffix(real, ".qcow2") {
		return info.Size(), nil
	}
	var head [32]byte
	if _, err := io.ReadFull(f, head[:]); err != nil || string(head[:4]) != "QFI\xfb" {
		return 0, fmt.Errorf("qemu-img: Could not open '%s': Image is not in qcow2 format", shown)
	}
	return int64(binary.BigEndian.Uint64(head[24:])), nil
}

// QCOW2 is the smallest file that passes for a qcow2 image of a virtual size in bytes: a header.
// Tests and the lab's image factory serve it in place of a real image.
func QCOW2(size int64) []byte {
	head := make([]byte, 104)
	copy(head, "QFI\xfb")
	binary.BigEndian.PutUint32(head[4:], 3)   // version
	binary.BigEndian.PutUint32(head[20:], 16) // clusters of 64 KiB
	binary.BigEndian.PutUint64(head[24:], uint64(size))
	binary.BigEndian.PutUint32(head[100:], 104) // length of the header
	return head
}
