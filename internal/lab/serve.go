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
	if err := checkAsked(name); err != nil {
		return err
	}
	tell := os.NewFile(readyFD, "ready")
	requests, err := os.OpenFile(requestsLog(name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("cannot serve lab %s: %w", name, err)
	}
	defer func() { _ = requests.Close() }()
	group, ctx := errgroup.WithContext(ctx)
	guests, err := serveAll(ctx, group, name, requests)
	if err == nil {
		_, err = fmt.Fprintf(tell, "ready %d\n", guests)
	}
	if err != nil {
		return fmt.Errorf("cannot serve lab %s: %w", name, err)
	}
	_ = tell.Close()
	return group.Wait()
}

func checkAsked(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	if os.Getenv(serviceEnv) == "" {
		return fmt.Errorf("cannot serve lab %s: this command is started by waddle-lab up, which prepares its namespaces", name)
	}
	return nil
}

// serveAll starts everything, in the internet first: once the host's view is made, the
// names of the other namespaces are out of sight.
func serveAll(ctx context.Context, group *errgroup.Group, name string, requests *os.File) (guests int, err error) {
	internet := &Node{Name: nodeInternet, netns: netnsPath(name, nodeInternet)}
	ca, err := newInternetCA()
	if err != nil {
		return 0, err
	}
	if err := os.WriteFile(internetCAFile(name), ca.pem(), 0o644); err != nil {
		return 0, err
	}
	if err := serveWeb(ctx, group, internet, newWeb(requests), ca); err != nil {
		return 0, err
	}
	if err := serveDNS(ctx, group, internet); err != nil {
		return 0, err
	}
	if guests, err = makeGuestView(ctx, group, name, ca.pem()); err != nil {
		return 0, err
	}
	if err := makeHostView(ca.pem()); err != nil {
		return 0, err
	}
	return guests, serveHost(ctx, group)
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
