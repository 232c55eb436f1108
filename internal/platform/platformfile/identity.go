package platformfile

import (
	"io/fs"
	"syscall"
	"time"
)

// identity tells one state of a file from another without reading it. The
// change time cannot be set back by a program, so it catches what keeps the
// modification time.
type identity struct {
	inode, device    uint64
	size             int64
	modified, change time.Time
}

func identify(info fs.FileInfo) identity {
	id := identity{size: info.Size(), modified: info.ModTime()}
	if st, is := info.Sys().(*syscall.Stat_t); is {
		id.inode, id.device = st.Ino, uint64(st.Dev)
		id.change = time.Unix(st.Ctim.Sec, st.Ctim.Nsec)
	}
	return id
}

// tick is more than the coarsest granularity of timestamps that a Linux file
// system in use for /etc has (a jiffy on ext4 and ZFS, one second on old ext3).
const tick = time.Second

// settled reports whether a later write must show in the timestamps. A file that
// was written within the last tick could be written again under the same ones.
func (id identity) settled(now time.Time) bool {
	return now.Sub(id.modified) > tick && now.Sub(id.change) > tick
}
