package confirm

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/waddle-social/waddle/pkg/netfw"
)

// processFlags are those of both roles.
type processFlags struct {
	dir, run, stopAt, id string
	signal               int
	nth                  int
	jump, detached       bool
	at                   int64
}

func parseProcess(args []string) (p processFlags) {
	f := flag.NewFlagSet("process", flag.ExitOnError)
	f.StringVar(&p.dir, "dir", "", "")
	f.StringVar(&p.run, "run-dir", "", "")
	f.BoolVar(&p.jump, "jump", false, "a wall clock that jumps")
	f.StringVar(&p.stopAt, "stop-at", "", "operation before which the process sends itself the signal")
	f.IntVar(&p.nth, "nth", 1, "the how-manieth such operation")
	f.IntVar(&p.signal, "signal", int(syscall.SIGKILL), "")
	f.StringVar(&p.id, "id", "", "")
	f.Int64Var(&p.at, "at", 0, "")
	f.BoolVar(&p.detached, "detached", false, "")
	_ = f.Parse(args)
	return p
}

func (p processFlags) open() (*Firewall, error) {
	where := []string{"--dir", p.dir, "--run-dir", p.run}
	clock := SystemClock()
	if p.jump {
		where = append(where, "--jump")
		clock.Wall = func() time.Time { return time.Now().Add(time.Duration(rand.IntN(20000)-10000) * time.Hour) }
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	return Open(Options{
		Dir: p.dir, Run: p.run, Log: log, Clock: clock,
		Loader: netfw.New(netfw.Options{}),
		Guard:  ProcessGuard(append([]string{selfProgram, "guard"}, where...)),
		Seam:   p.seam(),
	})
}

// seam sends this process a signal at the place that the test named.
func (p processFlags) seam() func(string) error {
	seen := 0
	return func(op string) error {
		if p.stopAt != "" && op == "firewall:"+p.stopAt {
			if seen++; seen == p.nth {
				_ = syscall.Kill(os.Getpid(), syscall.Signal(p.signal))
				time.Sleep(20 * time.Millisecond) // until the signal is there
			}
		}
		return nil
	}
}

// guardProcess is `waddled firewall guard`.
func guardProcess(args []string) error {
	p := parseProcess(args)
	if !p.detached {
		pid, err := Detach(selfProgram, slices.Concat([]string{"guard", "--detached"}, args), filepath.Join(p.run, "guard.log"))
		if err == nil {
			fmt.Println(pid)
		}
		return err
	}
	f, err := p.open()
	if err != nil {
		return err
	}
	return f.Guarding(context.Background(), p.id, time.Duration(p.at))
}

// daemonProcess does what its input says, a line each.
func daemonProcess(args []string) error {
	f, err := parseProcess(args).open()
	if err != nil {
		return err
	}
	ctx := context.Background()
	if err := f.Expire(ctx); err != nil {
		return err
	}
	fmt.Println("up")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		fmt.Println(answer(ctx, f, strings.Fields(lines.Text())))
	}
	return lines.Err()
}

func answer(ctx context.Context, f *Firewall, words []string) string {
	switch words[0] {
	case "set": // set PROFILE NANOSECONDS; answered with the id and the deadline
		within, err := strconv.ParseInt(words[2], 10, 64)
		if err != nil {
			return "error " + err.Error()
		}
		set, err := netfw.Rules(planRules(netfw.Profile(words[1])))
		if err != nil {
			return "error " + err.Error()
		}
		p, err := f.Set(ctx, Change{Profile: netfw.Profile(words[1]), Rules: set, Within: time.Duration(within), By: strconv.Itoa(os.Getpid())})
		if err != nil {
			return "error " + err.Error()
		}
		return fmt.Sprintf("set %s %d", p.ID, p.Deadline.at())
	case "confirm": // confirm ID OPENED
		opened, err := strconv.ParseInt(words[2], 10, 64)
		if err == nil {
			err = f.Confirm(ctx, words[1], Proof{OpenedAt: time.Duration(opened)})
		}
		if err != nil {
			return "error " + err.Error()
		}
		return "confirmed"
	}
	return "error unknown"
}
