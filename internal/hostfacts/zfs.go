package hostfacts

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
)

// pools returns the names of the imported ZFS pools, sorted.
//
// OpenZFS keeps one directory per imported pool in /proc/spl/kstat/zfs; all
// else in there are files (arcstats, dbufstats, …). The zpool cache is not read:
// it also lists pools that are not imported, and is an unstable nvlist. A host
// without the module has no such directory and no pools.
func (h *Host) pools() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(h.roots.Proc, "spl/kstat/zfs"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot list ZFS pools: %w", err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	sort.Strings(names)
	return names, nil
}
