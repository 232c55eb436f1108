package confirm

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"
)

const systemdProgram = "/lib/systemd/systemd"

// startSystemd runs a manager of its own in namespaces of its own, and then the
// program; both end with the script.
const startSystemd = `
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system # systemd looks there whether it is the host's
chmod 700 "$XDG_RUNTIME_DIR"
` + systemdProgram + ` --user --log-target=console >"$XDG_RUNTIME_DIR/log" 2>&1 &
for i in $(seq 600); do [ -S "$XDG_RUNTIME_DIR/systemd/private" ] && break; sleep 0.1; done
exec "$@"
`

// TestARealSystemdStartsTheRollback arms two timers, takes one away, and has the
// other run a command at its time.
func TestARealSystemdStartsTheRollback(t *testing.T) {
	for what, missing := range map[string]bool{"root": os.Geteuid() != 0, systemdProgram: !exists(systemdProgram)} {
		if missing && os.Getenv("CI") != "" {
			t.Fatalf("this test starts a systemd and needs %s", what)
		}
		if missing {
			t.Skipf("this test starts a systemd and needs %s", what)
		}
	}
	run := memory(t)
	cmd := exec.Command("unshare", "-n", "-m", "-p", "-C", "--fork", "--kill-child", "--mount-proc", "sh", "-ec", startSystemd, "sh", program(t), "timer", run)
	cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+run, "HOME="+run)
	out, err := cmd.CombinedOutput()
	if err != nil {
		log, _ := os.ReadFile(filepath.Join(run, "log"))
		t.Fatalf("%v\n%s\nsystemd: %s", err, out, log)
	}
	fmt.Printf("systemd: %s", out)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func program(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// timerProcess is the daemon beside that systemd.
func timerProcess(args []string) error {
	fired := func(id string) string { return filepath.Join(args[0], id+".fired") }
	g := &timerGuard{lead: 500 * time.Millisecond, clock: SystemClock(), connect: ownSystemd, command: []string{"/bin/sh", "-c", `: >"` + args[0] + `/$2.fired"`, "sh"}}
	ctx := context.Background()
	stays, at, err := armed(ctx, g, time.Second)
	if err != nil {
		return err
	}
	goes := goesWith(stays)
	// Somebody ends all programs of its name, and this one hears it before it can ignore it.
	const ended = "change-00000003"
	again := *g
	again.command = []string{"/bin/sh", "-c", `[ -e "` + args[0] + `/ended" ] || { : >"` + args[0] + `/ended"; kill -TERM $$; }; : >"` + args[0] + `/$2.fired"`, "sh"}
	if _, err := again.Arm(ctx, ended, at); err != nil {
		return err
	}
	for !exists(fired(stays)) {
		if Boottime() > at+time.Minute {
			return errors.New("the timer did not start its command within a minute")
		}
		time.Sleep(time.Millisecond)
	}
	late := Boottime() - (at - g.lead)
	for !exists(fired(ended)) {
		if Boottime() > at+time.Minute {
			return errors.New("a program that was ended by SIGTERM was not started again within a minute")
		}
		time.Sleep(time.Millisecond)
	}
	time.Sleep(200 * time.Millisecond)
	if _, err := os.Stat(fired(goes)); late < 0 || !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("late %s; the timer that was taken away: %w", late, err)
	}
	fmt.Printf("its timer started the rollback's program %s after it had to\n", late.Round(time.Millisecond))
	fmt.Println("its program was started again after a SIGTERM")
	return nil
}

// armed arms two timers, of which it takes one away, and returns the other. A
// machine that stands still until they are due has it begin again with later ones.
func armed(ctx context.Context, g *timerGuard, due time.Duration) (stays string, at time.Duration, err error) {
	stays, at = fmt.Sprintf("change-stays-%s", due), Boottime()+due+g.lead
	goes := goesWith(stays)
	handle, err := g.Arm(ctx, goes, at)
	if err != nil {
		return "", 0, err
	}
	if _, err := g.Arm(ctx, stays, at); err != nil {
		return "", 0, err
	}
	_, twice := g.Arm(ctx, stays, at)
	if err := g.Disarm(ctx, goes, handle); err != nil {
		return "", 0, err
	}
	if Boottime() >= at-g.lead {
		return armed(ctx, g, 2*due)
	}
	if twice == nil || !strings.Contains(twice.Error(), "cannot start the timer") {
		return "", 0, fmt.Errorf("a timer was armed twice: %w", twice)
	}
	return stays, at, nil
}

// goesWith names the timer that is taken away.
func goesWith(stays string) string { return strings.Replace(stays, "stays", "goes", 1) }

func ownSystemd(context.Context) (systemd, error) {
	return dbus.NewConnection(func() (*godbus.Conn, error) {
		c, err := godbus.Dial("unix:path=" + os.Getenv("XDG_RUNTIME_DIR") + "/systemd/private")
		if err != nil {
			return nil, err
		}
		return c, c.Auth([]godbus.Auth{godbus.AuthExternal("0")})
	})
}
