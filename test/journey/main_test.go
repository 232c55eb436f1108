package journey

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/waddle-social/waddle/internal/daemon"
	"github.com/waddle-social/waddle/internal/lab"
	"github.com/waddle-social/waddle/internal/lab/standin"
	"github.com/waddle-social/waddle/internal/server"
)

// What makes the test program a daemon, and what that daemon does to itself.
const (
	envDaemon = "WADDLE_JOURNEY_DAEMON"
	envKillAt = "WADDLE_JOURNEY_KILL_AT" // SIGKILL at this side effect of an operation, counted from 1
	envNoZFS  = "WADDLE_JOURNEY_NO_ZFS"  // no stand-ins: the daemon finds a host without ZFS
	seamLog   = "/run/.lab/seam.log"     // the side effects of operations, one a line
)

func TestMain(m *testing.M) {
	lab.ServeIfAsked()
	if os.Getenv(envDaemon) != "" {
		serve()
		return
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if builtDir, err = os.MkdirTemp("", "waddle-journey"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(builtDir) }()
	return m.Run()
}

// serve is cmd/waddled's serve with the seam of these tests.
func serve() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	c := daemon.Default()
	c.Version = server.Version{Version: "journey"}
	c.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c.Seam = newSeam()
	if os.Getenv(envNoZFS) == "" {
		var err error
		if c.Storage, err = standin.Storage(standin.Dir); err != nil {
			fmt.Fprintln(os.Stderr, "stand-in storage:", err)
			os.Exit(1)
		}
		asked := make(chan os.Signal, 1)
		signal.Notify(asked, syscall.SIGUSR1)
		go byHand(c.Storage, asked)
	}
	if err := daemon.Run(ctx, c); err != nil {
		fmt.Fprintln(os.Stderr, "daemon:", err)
		os.Exit(1)
	}
}

// newSeam logs every side effect since the first operation began, and kills
// the process at the one that the environment names.
func newSeam() func(op string) error {
	log, err := os.OpenFile(seamLog, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		panic(err)
	}
	killAt, _ := strconv.ParseInt(os.Getenv(envKillAt), 10, 64)
	var count atomic.Int64
	var begun atomic.Bool
	return func(op string) error {
		if op == "journal:operation-start:before" {
			begun.Store(true)
		}
		if !begun.Load() {
			return nil
		}
		n := count.Add(1)
		if _, err := fmt.Fprintf(log, "%s\n", op); err != nil {
			return err
		}
		if n == killAt {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // not one instruction further
		}
		return nil
	}
}
