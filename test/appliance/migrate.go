package appliance

import (
	"context"
	"fmt"
	"time"
)

// save stops the guest and writes the state of its devices to a file. Memory
// that a shared file backs is left out.
func (m *monitor) save(ctx context.Context, path string) error {
	if err := m.ignoreShared(); err != nil {
		return err
	}
	if err := m.execute("stop", nil, nil); err != nil {
		return err
	}
	if err := m.execute("migrate", map[string]any{"uri": "exec:cat >'" + path + "'"}, nil); err != nil {
		return err
	}
	return m.migrated(ctx)
}

// load reads such a state into a QEMU that was started with -incoming defer and
// lets the guest run.
func (m *monitor) load(ctx context.Context, path string) error {
	if err := m.ignoreShared(); err != nil {
		return err
	}
	if err := m.execute("migrate-incoming", map[string]any{"uri": "exec:cat '" + path + "'"}, nil); err != nil {
		return err
	}
	if err := m.migrated(ctx); err != nil {
		return err
	}
	// It was saved stopped, and so it arrives.
	return m.execute("cont", nil, nil)
}

func (m *monitor) ignoreShared() error {
	capability := map[string]any{"capability": "x-ignore-shared", "state": true}
	return m.execute("migrate-set-capabilities", map[string]any{"capabilities": []any{capability}}, nil)
}

// migrated waits until the state has been written or read.
func (m *monitor) migrated(ctx context.Context) error {
	for {
		var info struct {
			Status      string `json:"status"`
			Description string `json:"error-desc"`
		}
		if err := m.execute("query-migrate", nil, &info); err != nil {
			return err
		}
		switch info.Status {
		case "completed":
			return nil
		case "failed", "cancelled":
			return fmt.Errorf("QEMU could not move the guest's state: %s %s", info.Status, info.Description)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("QEMU is still moving the guest's state: %w", context.Cause(ctx))
		case <-time.After(20 * time.Millisecond):
		}
	}
}
