package netfw

import (
	"context"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/fsnotify/fsnotify"
)

// fileWatch watches the directories in which the files lie that we own or read,
// and their parents, so that a directory that is made later is seen.
type fileWatch struct {
	*fsnotify.Watcher
	d     *Driver
	files []string // on the host
	dirs  []string // on the host, parents included
}

func (d *Driver) watchFiles() (*fileWatch, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("cannot watch the configuration files: %w", err)
	}
	f := &fileWatch{Watcher: w, d: d}
	f.files = []string{ownInterfaces, interfacesFile, ownSysctl, sysctlConf}
	f.files = append(f.files, d.ruleFile(BridgePins))
	for _, fam := range families {
		f.files = append(f.files, d.ruleFile(fam), persistedFile(fam))
	}
	for _, name := range f.files {
		for dir := path.Dir(name); dir != "/"; dir = path.Dir(dir) {
			if !slices.Contains(f.dirs, dir) {
				f.dirs = append(f.dirs, dir)
			}
		}
	}
	f.add()
	return f, nil
}

// add watches the directories that exist; one that does not is seen to come in
// its parent.
func (f *fileWatch) add() {
	for _, dir := range f.dirs {
		if _, err := os.Stat(f.d.at(dir)); err != nil {
			continue
		}
		if err := f.Add(f.d.at(dir)); err != nil {
			f.d.log.Warn("cannot watch a directory for changes", "path", dir, "error", err)
		}
	}
}

func (f *fileWatch) run(ctx context.Context, w *watch) {
	for {
		select {
		case <-ctx.Done():
			return
		case e, ok := <-f.Events:
			if !ok {
				return
			}
			if f.concerns(e) {
				w.changed(EventFiles)
			}
		case _, ok := <-f.Errors: // among them that the kernel dropped events
			if !ok {
				return
			}
			w.changed(EventFiles)
		}
	}
}

// concerns reports whether an event may change what a look finds.
func (f *fileWatch) concerns(e fsnotify.Event) bool {
	name := f.d.hostPath(e.Name)
	if slices.Contains(f.dirs, name) {
		if e.Has(fsnotify.Create) {
			f.add()
		}
		return e.Has(fsnotify.Create | fsnotify.Remove | fsnotify.Rename)
	}
	if e.Op == fsnotify.Chmod || strings.HasPrefix(path.Base(name), ".") {
		return false
	}
	inDirectory := path.Dir(name) == path.Dir(ownInterfaces) || path.Dir(name) == path.Dir(ownSysctl)
	return inDirectory || slices.Contains(f.files, name)
}
