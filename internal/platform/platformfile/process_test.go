package platformfile

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/waddle-social/waddle/internal/problem"
)

// writer is this test started as a process of its own that writes variant n.
func writer(path, revision string, n int, kill string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], "-test.run=^TestWriterProcess$")
	cmd.Env = append(os.Environ(), "PLATFORMFILE_PATH="+path, "PLATFORMFILE_REVISION="+revision,
		fmt.Sprintf("PLATFORMFILE_VARIANT=%d", n), "PLATFORMFILE_KILL="+kill)
	return cmd
}

// killBefore ends the process with SIGKILL before the named side effect.
func killBefore(operation string) func(string) error {
	return func(op string) error {
		if op == operation {
			return errors.Join(syscall.Kill(os.Getpid(), syscall.SIGKILL), errors.New("still alive"))
		}
		return nil
	}
}

func TestAWriterThatIsKilledLeavesAWholeDocumentAndNoLock(t *testing.T) {
	operations := []string{"write previous", "rename previous", "write document", "rename document"}
	for _, op := range operations {
		t.Run("before "+op, func(t *testing.T) {
			s := store(t)
			revision := write(t, s, variant(t, 1), Absent)
			var exit *exec.ExitError
			if err := writer(s.Path, revision, 2, op).Run(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("the writer was not killed: %v", err)
			}
			wantFile(t, s.Path, variant(t, 1))
			write(t, s, variant(t, 3), revision)
			wantFile(t, s.Path, variant(t, 3))
			wantFile(t, s.Path+".previous", variant(t, 1))
			wantNothingElse(t, s)
		})
	}
	t.Logf("%d points", len(operations))
}

// The same race between processes: the test starts itself as the writers.
func TestOfWritingProcessesExactlyOneWins(t *testing.T) {
	path := filepath.Join(t.TempDir(), "platform.yaml")
	revision := write(t, &Store{Path: path}, variant(t, 0), Absent)
	const writers = 6
	won := make([]string, writers)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			out, err := writer(path, revision, w+1, "").CombinedOutput()
			if err != nil {
				t.Errorf("writer %d: %v: %s", w, err, out)
			}
			if _, r, found := strings.Cut(string(out), "won "); found {
				won[w] = strings.Fields(r)[0]
			}
		})
	}
	wg.Wait()
	winner := onlyWinner(t, won)
	if _, _, r, err := (&Store{Path: path}).Read(); err != nil || r != winner {
		t.Errorf("the file has the revision %s (%v), the winner wrote %s", r, err, winner)
	}
}

// TestWriterProcess is the body of the processes of the test above.
func TestWriterProcess(t *testing.T) {
	path := os.Getenv("PLATFORMFILE_PATH")
	if path == "" {
		return
	}
	var n int
	if _, err := fmt.Sscan(os.Getenv("PLATFORMFILE_VARIANT"), &n); err != nil {
		t.Fatal(err)
	}
	s := &Store{Path: path, seam: killBefore(os.Getenv("PLATFORMFILE_KILL"))}
	r, err := s.Write(variant(t, n), os.Getenv("PLATFORMFILE_REVISION"))
	switch {
	case err == nil:
		fmt.Println("won", r)
	case !problem.Is(err, problem.PreconditionFailed):
		t.Fatal(err)
	}
}
