package daemon

import (
	"log/slog"
	"path/filepath"
	"time"

	"github.com/waddle-social/waddle/internal/server"
	"github.com/waddle-social/waddle/internal/storage"
)

// Config is what the daemon is started with.
type Config struct {
	Platform string // path of the platform document
	StateDir string // directory of the state file and the TLS certificates
	Socket   string // path of the unix socket
	Group    string // whose members may use the socket beside root
	Program  string // waddled itself, with an absolute path: the rollback of a firewall change starts it

	// Storage is what the volumes are made of: the host's own ZFS and iSCSI target
	// when it is empty. The daemon fills in Keys and Seam.
	Storage storage.Machine

	Version server.Version
	Log     *slog.Logger
	Ready   func()                // called once the socket takes connections; may be nil
	Seam    func(op string) error // passed by every side effect; for tests, may be nil
}

// Default is where everything is on a host (deb/).
func Default() Config {
	return Config{
		Program:  "/usr/sbin/waddled",
		Platform: "/etc/waddle/platform.yaml",
		StateDir: "/var/lib/waddle",
		Socket:   "/run/waddle/waddled.sock",
		Group:    "waddle",
	}
}

func (c Config) statePath() string { return filepath.Join(c.StateDir, "state.db") }

func (c Config) tlsDir() string { return filepath.Join(c.StateDir, "tls") }

// storageDir has the storage endpoint's keys and the CHAP secrets.
func (c Config) storageDir() string { return filepath.Join(c.StateDir, "storage") }

// stopGrace is how long a running step may take to end when the daemon stops.
// What does not end in time is taken up by the next start.
const stopGrace = 10 * time.Second
