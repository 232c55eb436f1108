package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/waddle-social/waddle/internal/lab/pve"
)

// Inject makes something go wrong in the simulated Proxmox VE, and returns the fault's id.
func (l *Lab) Inject(ctx context.Context, f pve.Fault) (string, error) {
	body, err := json.Marshal(f)
	if err != nil {
		return "", err
	}
	var made struct{ ID string }
	if err := l.admin(ctx, http.MethodPost, "/faults", body, &made); err != nil {
		return "", fmt.Errorf("cannot inject a fault into lab %s: %w", l.Name, err)
	}
	return made.ID, nil
}

// Faults lists what goes wrong now.
func (l *Lab) Faults(ctx context.Context) ([]pve.Fault, error) {
	all := []pve.Fault{}
	if err := l.admin(ctx, http.MethodGet, "/faults", nil, &all); err != nil {
		return nil, fmt.Errorf("cannot list the faults of lab %s: %w", l.Name, err)
	}
	return all, nil
}

// ClearFaults ends a fault, or with an empty id all of them.
func (l *Lab) ClearFaults(ctx context.Context, id string) error {
	path := "/faults"
	if id != "" {
		path += "/" + id
	}
	if err := l.admin(ctx, http.MethodDelete, path, nil, nil); err != nil {
		return fmt.Errorf("cannot clear the faults of lab %s: %w", l.Name, err)
	}
	return nil
}

// CrashVM ends a VM's guest as a crash of QEMU does.
func (l *Lab) CrashVM(ctx context.Context, vmid int) error {
	if err := l.admin(ctx, http.MethodPost, "/vms/"+strconv.Itoa(vmid)+"/crash", nil, nil); err != nil {
		return fmt.Errorf("cannot crash VM %d of lab %s: %w", vmid, l.Name, err)
	}
	return nil
}

// admin asks the simulator's process over its unix socket.
func (l *Lab) admin(ctx context.Context, method, path string, body []byte, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://lab"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", faultSocket(l.Name))
		},
	}}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	said, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return errors.New(strings.TrimSpace(string(said)))
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(said, into)
}

func (l *Lab) awaitFaultSocket(ctx context.Context) error {
	for {
		_, err := l.Faults(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
}
