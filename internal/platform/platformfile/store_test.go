package platformfile

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/problem"
)

func example(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile("../../../examples/waddle-social.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// variant is a valid document that differs from every other variant.
func variant(t testing.TB, n int) []byte {
	t.Helper()
	return append(example(t), fmt.Sprintf("# variant %d\n", n)...)
}

func store(t testing.TB) *Store {
	t.Helper()
	return &Store{Path: filepath.Join(t.TempDir(), "platform.yaml")}
}

func write(t testing.TB, s *Store, data []byte, ifMatch string) string {
	t.Helper()
	revision, err := s.Write(data, ifMatch)
	if err != nil {
		t.Fatal(err)
	}
	return revision
}

func wantCode(t *testing.T, err error, code problem.Code) {
	t.Helper()
	if !problem.Is(err, code) {
		t.Fatalf("got %v, want a problem with the code %s", err, code)
	}
	if problem.From(err).Hint == "" {
		t.Errorf("%v has no hint", err)
	}
}

func wantFile(t *testing.T, path string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s does not hold what was written", filepath.Base(path))
	}
}

func TestWithoutAFileReadSaysSo(t *testing.T) {
	_, _, _, err := store(t).Read()
	wantCode(t, err, problem.NoPlatform)
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	s := store(t)
	want := write(t, s, example(t), Absent)
	data, p, revision, err := s.Read()
	if err != nil {
		t.Fatal(err)
	}
	if revision != want || revision != platform.Revision(data) || !bytes.Equal(data, example(t)) {
		t.Errorf("read revision %s, wrote %s", revision, want)
	}
	if p.Spec.DNS.Domain != "waddle.social" {
		t.Errorf("the platform has the domain %q", p.Spec.DNS.Domain)
	}
	info, err := os.Stat(s.Path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != Mode {
		t.Errorf("the mode is %v, want %v", info.Mode().Perm(), Mode)
	}
}

func TestWhatWasThereBeforeIsKept(t *testing.T) {
	s := store(t)
	first := write(t, s, variant(t, 1), Absent)
	second := write(t, s, variant(t, 2), first)
	wantFile(t, s.Path+".previous", variant(t, 1))
	write(t, s, variant(t, 2), second)
	wantFile(t, s.Path+".previous", variant(t, 1)) // the same bytes again are no change
	write(t, s, variant(t, 3), Any)
	wantFile(t, s.Path+".previous", variant(t, 2))
	wantFile(t, s.Path, variant(t, 3))
}

func TestAWriteThatExpectsSomethingElseChangesNothing(t *testing.T) {
	for _, c := range []struct {
		name    string
		there   bool
		ifMatch string
		code    problem.Code
	}{
		{"a document is there and none was expected", true, Absent, problem.PreconditionNeeded},
		{"another revision was expected", true, "0123456789abcdef", problem.PreconditionFailed},
		{"any document was expected and none is there", false, Any, problem.PreconditionFailed},
		{"a revision was expected and no document is there", false, "0123456789abcdef", problem.PreconditionFailed},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := store(t)
			if c.there {
				write(t, s, variant(t, 1), Absent)
			}
			_, err := s.Write(variant(t, 2), c.ifMatch)
			wantCode(t, err, c.code)
			if c.there {
				wantFile(t, s.Path, variant(t, 1))
			} else if _, err := os.Stat(s.Path); !errors.Is(err, os.ErrNotExist) {
				t.Error("a file was made")
			}
		})
	}
}

func TestAnInvalidDocumentIsNotWritten(t *testing.T) {
	s := store(t)
	write(t, s, example(t), Absent)
	_, err := s.Write([]byte("kind: Platform\n"), Any)
	wantCode(t, err, problem.InvalidPlatform)
	wantFile(t, s.Path, example(t))
}

func TestAnInvalidFileCanBeSeenAndReplaced(t *testing.T) {
	s := store(t)
	bad := []byte("kind: Platfrom\n")
	if err := os.WriteFile(s.Path, bad, 0o600); err != nil {
		t.Fatal(err)
	}
	data, p, revision, err := s.Read()
	wantCode(t, err, problem.InvalidPlatform)
	if !bytes.Equal(data, bad) || p != nil {
		t.Error("the bytes of the invalid file were not returned")
	}
	write(t, s, example(t), revision)
	wantFile(t, s.Path+".previous", bad)
}

func TestAnEditorsChangeIsSeen(t *testing.T) {
	s := store(t)
	write(t, s, variant(t, 1), Absent)
	// Same length, right after a read that would have filled the cache.
	for n := 2; n <= 9; n++ {
		if _, _, _, err := s.Read(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(s.Path, variant(t, n), 0o600); err != nil {
			t.Fatal(err)
		}
		if data, _, _, err := s.Read(); err != nil || !bytes.Equal(data, variant(t, n)) {
			t.Fatalf("variant %d was not seen (%v)", n, err)
		}
	}
}

func TestASettledFileIsNotReadAgain(t *testing.T) {
	s := store(t)
	write(t, s, example(t), Absent)
	time.Sleep(tick + 100*time.Millisecond)
	if _, _, _, err := s.Read(); err != nil {
		t.Fatal(err)
	}
	before := s.cached
	if before == nil {
		t.Fatal("nothing was cached")
	}
	_, p, _, err := s.Read()
	if err != nil {
		t.Fatal(err)
	}
	if s.cached != before {
		t.Error("the file was read again")
	}
	p.Spec.DNS.Domain = "changed.example"
	if _, q, _, _ := s.Read(); q.Spec.DNS.Domain != "waddle.social" {
		t.Error("a caller's change reached the cache")
	}
	write(t, s, variant(t, 1), Any)
	if data, _, _, err := s.Read(); err != nil || !bytes.Equal(data, variant(t, 1)) {
		t.Errorf("the new document was not seen (%v)", err)
	}
}

func TestAnUnsuitablePathIsOneClearError(t *testing.T) {
	dir := t.TempDir()
	s := &Store{Path: dir}
	_, _, _, err := s.Read()
	wantCode(t, err, problem.HostUnsuitable)
	_, err = (&Store{Path: filepath.Join(dir, "missing", "platform.yaml")}).Write(example(t), Absent)
	wantCode(t, err, problem.HostUnsuitable)
	link := filepath.Join(dir, "link.yaml")
	if err := os.Symlink(filepath.Join(dir, "nowhere.yaml"), link); err != nil {
		t.Fatal(err)
	}
	_, err = (&Store{Path: link}).Write(example(t), Absent)
	wantCode(t, err, problem.HostUnsuitable)
}

func TestASymbolicLinkStays(t *testing.T) {
	s := store(t)
	write(t, s, variant(t, 1), Absent)
	link := &Store{Path: filepath.Join(t.TempDir(), "link.yaml")}
	if err := os.Symlink(s.Path, link.Path); err != nil {
		t.Fatal(err)
	}
	write(t, link, variant(t, 2), Any)
	wantFile(t, s.Path, variant(t, 2))
	if _, err := os.Readlink(link.Path); err != nil {
		t.Error("the link was replaced by a file")
	}
}

// A failure at any side effect leaves the old or the new document, whole, and
// no temporary file that the next write would not remove.
func TestAFailureAtAnySideEffectLeavesAWholeDocument(t *testing.T) {
	var names []string
	s := store(t)
	s.seam = func(op string) error { names = append(names, op); return nil }
	write(t, s, variant(t, 1), Absent)
	names = nil
	write(t, s, variant(t, 2), Any)
	if len(names) != 4 {
		t.Fatalf("the side effects are %v", names)
	}
	for _, fail := range names {
		t.Run(fail, func(t *testing.T) {
			s := store(t)
			write(t, s, variant(t, 1), Absent)
			s.seam = func(op string) error {
				if op == fail {
					return errors.New("no space left on device")
				}
				return nil
			}
			_, err := s.Write(variant(t, 2), Any)
			wantCode(t, err, problem.HostUnsuitable)
			wantFile(t, s.Path, variant(t, 1))
			s.seam = nil
			write(t, s, variant(t, 2), Any)
			wantFile(t, s.Path, variant(t, 2))
			wantFile(t, s.Path+".previous", variant(t, 1))
			wantNothingElse(t, s)
		})
	}
}

func wantNothingElse(t *testing.T, s *Store) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(s.Path))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if got := strings.Join(names, " "); got != ".platform.yaml.lock platform.yaml platform.yaml.previous" {
		t.Errorf("the directory holds %s", got)
	}
}

func TestWhatAKilledWriterLeftIsSweptAway(t *testing.T) {
	s := store(t)
	write(t, s, variant(t, 1), Absent)
	left := filepath.Join(filepath.Dir(s.Path), ".platform.yaml8517263542")
	if err := os.WriteFile(left, []byte("half a docu"), 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, s, variant(t, 2), Any)
	wantNothingElse(t, s)
}

func TestOfWritersWithOneRevisionExactlyOneWins(t *testing.T) {
	const rounds, writers = 20, 8
	path := filepath.Join(t.TempDir(), "platform.yaml")
	revision := write(t, &Store{Path: path}, variant(t, 0), Absent)
	shared := &Store{Path: path}
	for round := range rounds {
		var wg sync.WaitGroup
		won := make([]string, writers)
		for w := range writers {
			s := shared
			if w%2 == 0 {
				s = &Store{Path: path}
			}
			wg.Go(func() {
				if _, _, _, err := s.Read(); err != nil {
					t.Error(err)
				}
				r, err := s.Write(variant(t, 1000*round+w+1), revision)
				if err != nil && !problem.Is(err, problem.PreconditionFailed) {
					t.Error(err)
				}
				won[w] = r
			})
		}
		wg.Wait()
		revision = onlyWinner(t, won)
	}
}

func onlyWinner(t *testing.T, won []string) string {
	t.Helper()
	winner, n := "", 0
	for _, r := range won {
		if r != "" {
			winner, n = r, n+1
		}
	}
	if n != 1 {
		t.Fatalf("%d writers won", n)
	}
	return winner
}

func BenchmarkReadOfAnUnchangedFile(b *testing.B) {
	s := store(b)
	write(b, s, example(b), Absent)
	time.Sleep(tick + 100*time.Millisecond)
	for b.Loop() {
		if _, _, _, err := s.Read(); err != nil {
			b.Fatal(err)
		}
	}
}
