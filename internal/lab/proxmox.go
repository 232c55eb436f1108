package lab

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/waddle-social/waddle/internal/lab/pve"
)

// proxmoxFlag tells the lab's program to be the simulator.
const proxmoxFlag = "--proxmox"

// ProxmoxNode is the name of the host in Proxmox VE.
const ProxmoxNode = hostName

// ServeProxmox is the process of the lab in which Proxmox VE is simulated: it listens where
// pveproxy does on the host, keeps the files of the storage local in the host's /var/lib/vz,
// and plugs the VMs that it starts into the host's bridges. It runs in the host's network
// namespace with the machine's files, where the names of the lab's namespaces are, and ends
// with ctx.
func ServeProxmox(ctx context.Context, name string) error {
	if err := checkAsked(name); err != nil {
		return err
	}
	if err := serveProxmox(ctx, name); err != nil {
		return fmt.Errorf("cannot simulate Proxmox VE in lab %s: %w", name, err)
	}
	return nil
}

func serveProxmox(ctx context.Context, name string) error {
	tell := os.NewFile(readyFD, "ready")
	st, err := readState(name)
	if err != nil {
		return err
	}
	l := newLab(st)
	node, err := l.openProxmox(ctx)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return node.ServeAdmin(ctx, faultSocket(name)) })
	group.Go(func() error {
		<-ctx.Done()
		return node.Close()
	})
	if err := l.awaitFaultSocket(ctx); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(tell, "ready"); err != nil {
		return err
	}
	_ = tell.Close()
	return group.Wait()
}

func (l *Lab) openProxmox(ctx context.Context) (*pve.Server, error) {
	ln, err := net.Listen("tcp", fmt.Sprintf(":%d", proxmoxPort)) // both families, as pveproxy
	if err != nil {
		return nil, err
	}
	client, err := l.downloader()
	if err != nil {
		return nil, err
	}
	plugger := Plugger{l}
	node, err := pve.Open(ctx, pve.Options{
		Dir: proxmoxDir(l.Name), Node: ProxmoxNode, Listener: ln,
		Names:        []string{hostName + ".example.net", HostAddr.String(), HostAddr6.String(), internalHost.String()},
		RootPassword: proxmoxPassword, Storages: l.storages(), Plugger: plugger, HTTP: client, Timing: quick(),
		Guests: map[string]pve.Guest{"": pve.Linux{Exec: plugger.Exec}},
		Log:    slog.New(slog.NewTextHandler(os.Stderr, nil)), // the service's log
	})
	if err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	ca, err := os.ReadFile(node.CAFile())
	if err == nil {
		err = l.writeProxmoxFiles(ca)
	}
	if err != nil {
		return nil, errors.Join(err, node.Close())
	}
	return node, nil
}

// storages are those of the host's /etc/pve/storage.cfg.
func (l *Lab) storages() []pve.Storage {
	return []pve.Storage{
		{ID: "local", Type: "dir", Path: "/var/lib/vz", Root: l.Host.Root() + "/var/lib/vz", Capacity: 100 << 30,
			Content: []string{"backup", "import", "iso", "snippets", "vztmpl"}},
		{ID: "local-zfs", Type: "zfspool", Pool: "rpool/data", Capacity: 400 << 30, Content: []string{"images", "rootdir"}},
	}
}

// quick is a node twenty times as fast as a real one, whose patience is a real one's: what waits
// for it may run on a slow machine.
func quick() pve.Timing {
	t := pve.Scaled(0.05)
	for _, wait := range []*time.Duration{&t.LockWait, &t.PowerWait, &t.AgentWait} {
		*wait = time.Duration(float64(*wait) / t.Scale)
	}
	return t
}

// downloader fetches images as a program on the host does.
func (l *Lab) downloader() (*http.Client, error) {
	pool, err := trusted(l.Name)
	if err != nil {
		return nil, err
	}
	client := l.Host.HTTPClient()
	client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: pool}
	return client, nil
}

// exitCode tells a program's exit code from not having been run at all.
func exitCode(err error) (int, error) {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), nil
	}
	return 0, err
}
