package netfw

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// The kinds of event that Watch reports.
const (
	EventLink       = "link"       // a link came, went or changed
	EventAddress    = "address"    // an address came or went
	EventRoute      = "route"      // a route came or went
	EventForwarding = "forwarding" // IPv4 forwarding was switched, for one interface or all
	EventRules      = "rules"      // the nftables ruleset got a new generation
	EventFiles      = "files"      // a file that we own or read was changed
)

var allEvents = []string{EventAddress, EventFiles, EventForwarding, EventLink, EventRoute, EventRules}

// routeGroups are the rtnetlink groups behind the kinds. Forwarding is
// RTNLGRP_IPV4_NETCONF: the kernel reports a write to ip_forward there, while
// inotify on /proc reports nothing.
var routeGroups = []uint32{
	unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR,
	unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE, unix.RTNLGRP_IPV4_NETCONF,
}

// routeKinds maps the type of a message to its kind.
var routeKinds = map[netlink.HeaderType]string{
	unix.RTM_NEWLINK: EventLink, unix.RTM_DELLINK: EventLink,
	unix.RTM_NEWADDR: EventAddress, unix.RTM_DELADDR: EventAddress,
	unix.RTM_NEWROUTE: EventRoute, unix.RTM_DELROUTE: EventRoute,
	unix.RTM_NEWNETCONF: EventForwarding, unix.RTM_DELNETCONF: EventForwarding,
}

// legacyPoll is how often "rules" is reported with the legacy flavour, whose
// kernel side has no events at all.
const legacyPoll = 4 * time.Second

// Watch reports what changes, as kinds of event, until ctx ends; then it closes
// the channel. It is on when it returns: a later change is not missed. Changes
// that come while the receiver is busy are joined into one of each kind. When
// the kernel had to drop events (ENOBUFS), everything is reported as changed.
func (d *Driver) Watch(ctx context.Context) (<-chan string, error) {
	d.look.Lock()
	t, err := d.findTools()
	d.look.Unlock()
	if err != nil {
		return nil, err
	}
	w := &watch{pending: map[string]bool{}, wake: make(chan struct{}, 1)}
	route, err := listen(unix.NETLINK_ROUTE, routeGroups)
	if err != nil {
		return nil, err
	}
	rules, err := listen(unix.NETLINK_NETFILTER, []uint32{unix.NFNLGRP_NFTABLES})
	if err != nil {
		return nil, errors.Join(err, route.Close())
	}
	files, err := d.watchFiles()
	if err != nil {
		return nil, errors.Join(err, route.Close(), rules.Close())
	}
	var wg sync.WaitGroup
	wg.Go(func() { w.receive(route, func(m netlink.Message) string { return routeKinds[m.Header.Type] }) })
	wg.Go(func() { w.receive(rules, func(netlink.Message) string { return EventRules }) })
	wg.Go(func() { files.run(ctx, w) })
	if t.flavour == Legacy {
		wg.Go(func() { w.tick(ctx, legacyPoll) })
	}
	out := make(chan string)
	go func() {
		w.deliver(ctx, out)
		err := errors.Join(route.Close(), rules.Close(), files.Close())
		wg.Wait()
		if err != nil {
			d.log.Warn("watching the network ended with an error", "error", err)
		}
		close(out)
	}()
	return out, nil
}

// listen opens its socket in the network namespace of the calling thread.
func listen(family int, groups []uint32) (*netlink.Conn, error) {
	c, err := netlink.Dial(family, nil)
	if err != nil {
		return nil, fmt.Errorf("cannot watch the network: %w", err)
	}
	for _, g := range groups {
		if err := c.JoinGroup(g); err != nil {
			return nil, errors.Join(fmt.Errorf("cannot watch the network: netlink family %d, group %d: %w", family, g, err), c.Close())
		}
	}
	return c, nil
}

// watch joins what the sources report.
type watch struct {
	mu      sync.Mutex
	pending map[string]bool
	wake    chan struct{}
}

func (w *watch) changed(kinds ...string) {
	w.mu.Lock()
	for _, k := range kinds {
		w.pending[k] = true
	}
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *watch) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	kinds := slices.Sorted(maps.Keys(w.pending))
	clear(w.pending)
	return kinds
}

// receive runs until the connection is closed.
func (w *watch) receive(c *netlink.Conn, kind func(netlink.Message) string) {
	for {
		msgs, err := c.Receive()
		if errors.Is(err, unix.ENOBUFS) {
			w.changed(allEvents...)
			continue
		}
		if err != nil {
			return
		}
		for _, m := range msgs {
			if k := kind(m); k != "" {
				w.changed(k)
			}
		}
	}
}

func (w *watch) tick(ctx context.Context, every time.Duration) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			w.changed(EventRules)
		}
	}
}

func (w *watch) deliver(ctx context.Context, out chan<- string) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
		}
		for _, k := range w.take() {
			select {
			case <-ctx.Done():
				return
			case out <- k:
			}
		}
	}
}
