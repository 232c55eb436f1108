package zfs

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// extents calls do for each stretch of data in a sparse file.
func extents(f *os.File, size int64, do func(offset, length int64) error) error {
	for at := int64(0); at < size; {
		start, err := unix.Seek(int(f.Fd()), at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			return nil // only a hole is left
		}
		if err != nil {
			return err
		}
		end, err := unix.Seek(int(f.Fd()), start, unix.SEEK_HOLE)
		if err != nil {
			return err
		}
		if err := do(start, min(end, size)-start); err != nil {
			return err
		}
		at = end
	}
	return nil
}

func copySparse(out, in *os.File, size int64) error {
	if err := out.Truncate(size); err != nil {
		return err
	}
	return extents(in, size, func(offset, length int64) error {
		_, err := io.Copy(io.NewOffsetWriter(out, offset), io.NewSectionReader(in, offset, length))
		return err
	})
}
