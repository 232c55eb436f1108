package images

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"
)

// Cached is an image in the storage, or a download that is not finished.
type Cached struct {
	Name    string
	ID      string    // of the volume; empty when there is none
	Size    int64     // bytes, of the volume or of what is downloaded so far
	Made    time.Time // zero when unknown
	URL     string    // zero for an image that waddled has not brought
	SHA256  string    // of the first download, where nobody publishes a checksum
	SHA512  string
	Ours    bool // waddled has put the volume there
	Partial bool // a download that is not finished
	Used    bool // a VM is being made of it, or it is being fetched
}

// List is every image in the storage and every unfinished download, by name.
func (c *Cache) List(ctx context.Context) ([]Cached, error) {
	volumes, err := c.volumes(ctx)
	if err != nil {
		return nil, err
	}
	records, err := c.o.Records.All()
	if err != nil {
		return nil, err
	}
	list := []Cached{}
	for _, v := range volumes {
		name := strings.TrimPrefix(v.Volid, c.volume(""))
		r := records[name]
		list = append(list, Cached{
			Name: name, ID: v.Volid, Size: int64(v.Size), Made: time.Unix(int64(v.Ctime), 0).UTC(), URL: r.URL, SHA256: r.SHA256, SHA512: r.SHA512,
			Ours: r.Stage == Present || r.Stage == Filling, Partial: r.Stage == Filling, Used: c.inUse(name),
		})
	}
	parts, err := c.downloads()
	list = append(list, parts...)
	slices.SortStableFunc(list, func(a, b Cached) int { return strings.Compare(a.Name, b.Name) })
	return list, err
}

// downloads are the files in the directory of downloads.
func (c *Cache) downloads() ([]Cached, error) {
	entries, err := os.ReadDir(c.o.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot list the downloads: %w", err)
	}
	var list []Cached
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), partSuffix)
		info, err := e.Info()
		if err != nil || !nameRE.MatchString(name) || !info.Mode().IsRegular() {
			continue
		}
		list = append(list, Cached{Name: name, Size: info.Size(), Made: info.ModTime().UTC(), Ours: true, Partial: true, Used: c.inUse(name)})
	}
	return list, nil
}

func (c *Cache) inUse(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, busy := c.busy[name]
	return busy || c.used[name] > 0
}
