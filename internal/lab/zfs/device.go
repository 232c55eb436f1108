package zfs

import (
	"os"
	"path/filepath"
	"time"
)

// link makes n's device link after the delay, as udev does; the caller holds the
// lock or is Open.
func (p *Pool) link(n *node) {
	link, file := filepath.Join(p.o.Dev, "zvol", n.Name), p.dataFile(n)
	if p.o.LinkDelay == 0 {
		makeLink(link, file)
		return
	}
	name, guid := n.Name, n.GUID
	p.links.Add(1)
	go func() {
		defer p.links.Done()
		select {
		case <-time.After(p.o.LinkDelay):
		case <-p.done:
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if now := p.nodes[name]; now != nil && now.GUID == guid {
			makeLink(link, file)
		}
	}()
}

// makeLink replaces a link that is there already, as udev does.
func makeLink(link, file string) {
	if os.MkdirAll(filepath.Dir(link), 0o755) != nil {
		return
	}
	fresh := link + ".new"
	_ = os.Remove(fresh)
	if os.Symlink(file, fresh) == nil {
		_ = os.Rename(fresh, link)
	}
}

// unlink removes the link and the folders that it leaves empty.
func (p *Pool) unlink(name string) {
	stop := filepath.Join(p.o.Dev, "zvol")
	path := filepath.Join(stop, name)
	for path != stop && os.Remove(path) == nil {
		path = filepath.Dir(path)
	}
}

func (p *Pool) busy(name string) bool {
	return p.o.Busy != nil && p.o.Busy(filepath.Join(p.o.Dev, "zvol", name))
}
