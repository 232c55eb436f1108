package machines

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// hasBridge tells whether the host has a bridge of that name.
func hasBridge(name string) (bool, error) {
	_, err := os.Stat(filepath.Join("/sys/class/net", name, "bridge"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
