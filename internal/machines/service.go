package machines

import (
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/proxmox"
	"github.com/waddle-social/waddle/internal/state"
	"github.com/waddle-social/waddle/pkg/vms"
	"github.com/waddle-social/waddle/pkg/vms/access"
	"github.com/waddle-social/waddle/pkg/vms/images"
	"github.com/waddle-social/waddle/pkg/vms/rest"
)

// storageCfg is where a Proxmox host says which storages it has.
const storageCfg = "/etc/pve/storage.cfg"

// Options are what a Service is made of. State, Platform and Dir are required.
type Options struct {
	State *state.DB
	// Platform returns the document as it is now, with its revision.
	Platform func() (*platform.Platform, string, error)
	Dir      string // of downloads that are under way, on a disk of this host
	Log      *slog.Logger
	Seam     func(op string) error // passed by every side effect; may be nil

	// For tests; the zero values are where things are on a Proxmox host.
	URL, CAFile, TokenFile, StorageCfg string
	HTTP                               *http.Client  // to the Image Factory and for downloads
	Poll                               time.Duration // between looks at a task, and before a read is repeated; 0: the drivers' own
	HasBridge                          func(name string) (bool, error)
	Quorum                             Quorum // nil: what the acknowledged gates of phase 4 say
}

// Service makes the drivers when they are needed, of the platform as it is then.
// It is safe for use by several goroutines.
type Service struct {
	o       Options
	records records
	token   func() (string, error)

	mu     sync.Mutex
	made   string // what the drivers were made of
	driver *vms.Driver
	cache  *images.Cache
}

// New returns a Service. Nothing is read or asked yet.
func New(o Options) *Service {
	or(&o.URL, proxmox.URL)
	or(&o.CAFile, proxmox.CAFile)
	or(&o.TokenFile, access.DefaultTokenFile)
	or(&o.StorageCfg, storageCfg)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.HTTP == nil {
		o.HTTP = http.DefaultClient
	}
	if o.HasBridge == nil {
		o.HasBridge = hasBridge
	}
	if o.Seam == nil {
		o.Seam = func(string) error { return nil }
	}
	return &Service{o: o, records: records{o.State}, token: rest.TokenFile(o.TokenFile)}
}

func or(at *string, value string) {
	if *at == "" {
		*at = value
	}
}

// drivers returns those for the platform. They are the same ones as long as it names
// the same node and storage: their locks have to be everybody's.
func (s *Service) drivers(p *platform.Platform) (*vms.Driver, *images.Cache, error) {
	h := p.Spec.Host
	of := fmt.Sprintf("%s %s", h.Node, h.Storages.Images)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.driver != nil && s.made == of {
		return s.driver, s.cache, nil
	}
	client := rest.New(rest.Options{URL: s.o.URL, ServerName: string(h.Node), CAFile: s.o.CAFile, Token: s.token, Every: s.o.Poll, Log: s.o.Log})
	driver, err := vms.New(vms.Options{API: client, Node: string(h.Node), Records: s.records, HasBridge: s.o.HasBridge, Seam: s.o.Seam, Poll: s.o.Poll, Retry: s.o.Poll})
	if err != nil {
		return nil, nil, refused(err)
	}
	s.cache = images.New(images.Options{
		API: client, Node: string(h.Node), Storage: string(h.Storages.Images), Dir: filepath.Clean(s.o.Dir),
		Records: imageRecords{s.o.State}, HTTP: s.o.HTTP, Seam: s.o.Seam, Log: s.o.Log,
	})
	s.driver, s.made = driver, of
	return s.driver, s.cache, nil
}
