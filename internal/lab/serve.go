package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
)

// readyFD is the pipe to the process that called Up.
const readyFD = 3

// Serve is the lab's service process. It runs in the host's network namespace and in a
// mount namespace of its own, which becomes the host's view, and ends with ctx.
func Serve(ctx context.Context, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	if os.Getenv(serviceEnv) == "" {
		return fmt.Errorf("cannot serve lab %s: this command is started by waddle-lab up, which prepares its namespaces", name)
	}
	tell := os.NewFile(readyFD, "ready")
	requests, err := os.OpenFile(requestsLog(name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("cannot serve lab %s: %w", name, err)
	}
	defer func() { _ = requests.Close() }()
	group, ctx := errgroup.WithContext(ctx)
	internet := namespace(netnsPath(name, nodeInternet))
	if err := serveWeb(ctx, group, internet, newWeb(requests)); err != nil {
		return fmt.Errorf("cannot serve lab %s: %w", name, err)
	}
	if err := serveDNS(ctx, group, internet); err != nil {
		return fmt.Errorf("cannot serve lab %s: %w", name, err)
	}
	// From here on /run is the host's, and the names of the namespaces are out of sight.
	if err := makeHostView(); err != nil {
		return fmt.Errorf("cannot serve lab %s: %w", name, err)
	}
	if err := serveHost(ctx, group); err != nil {
		return fmt.Errorf("cannot serve lab %s: %w", name, err)
	}
	if _, err := tell.WriteString("ready\n"); err != nil {
		return fmt.Errorf("cannot serve lab %s: %w", name, err)
	}
	_ = tell.Close()
	return group.Wait()
}

// serveHTTP answers on ln until ctx ends.
func serveHTTP(ctx context.Context, group *errgroup.Group, ln net.Listener, h http.Handler) {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	group.Go(func() error {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		return srv.Close()
	})
}
