package state

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
	"go.uber.org/goleak"

	"github.com/waddle-social/waddle/internal/problem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const words Bucket[string] = "words"

func mustOpen(t *testing.T, path string) *DB {
	t.Helper()
	db, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func put(t *testing.T, db *DB, key, value string) {
	t.Helper()
	if err := db.Update("word", func(tx *bbolt.Tx) error { return words.Put(tx, []byte(key), value) }); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, db *DB, key string) (value string) {
	t.Helper()
	err := db.View(func(tx *bbolt.Tx) (err error) {
		value, _, err = words.Get(tx, []byte(key))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// full writes a closed state file of some size and returns its path.
func full(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state.db")
	db, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		put(t, db, fmt.Sprintf("%04d", i), strings.Repeat("x", 400))
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWhatWasWrittenIsThereAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	db, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	put(t, db, "a", "b")
	if db.bolt.NoSync || db.bolt.NoGrowSync || db.bolt.NoFreelistSync {
		t.Fatal("a write that returned must be on the disk")
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if got := get(t, mustOpen(t, path), "a"); got != "b" {
		t.Fatalf("got %q", got)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Fatalf("one file, and nothing left of its making: %v, %v", entries, err)
	}
}

func TestTheFileIsPrivate(t *testing.T) {
	path := full(t)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, path)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
}

func TestASecondProcessIsToldOfTheFirst(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	mustOpen(t, path)
	_, err := Open(path, Options{})
	if p := problem.From(err); p.Code != problem.Unavailable || !strings.Contains(p.Detail, "another process holds it") || p.Hint == "" {
		t.Fatalf("%+v", p)
	}
}

func TestWhatADeadDaemonLeftWhileCreatingIsRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	left := path + ".new-123"
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, path)
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
}

func TestAFileThatCannotBeUsedIsNotTouched(t *testing.T) {
	edit := func(change func(data []byte) []byte) func(t *testing.T) string {
		return func(t *testing.T) string {
			path := full(t)
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, change(data), 0o640); err != nil {
				t.Fatal(err)
			}
			return path
		}
	}
	schema := func(program, version string) func(t *testing.T) string {
		return func(t *testing.T) string {
			path := full(t)
			bolt, err := bbolt.Open(path, 0o600, nil)
			if err != nil {
				t.Fatal(err)
			}
			err = bolt.Update(func(tx *bbolt.Tx) error {
				meta := tx.Bucket(metaBucket)
				return errors.Join(meta.Put(programKey, []byte(program)), meta.Put(schemaKey, []byte(version)))
			})
			if err := errors.Join(err, bolt.Close()); err != nil {
				t.Fatal(err)
			}
			return path
		}
	}
	page := os.Getpagesize()
	for name, row := range map[string]struct {
		file func(t *testing.T) string
		says string
	}{
		"an empty file":                       {edit(func([]byte) []byte { return nil }), "it is empty"},
		"a text file":                         {edit(func([]byte) []byte { return []byte("apiVersion: waddle.social/v1alpha1\n") }), ""},
		"garbage":                             {edit(func(d []byte) []byte { return bytes.Repeat([]byte{0xa5}, len(d)) }), ""},
		"a file of zeroes":                    {edit(func(d []byte) []byte { return make([]byte, len(d)) }), ""},
		"one that is cut off in the middle":   {edit(func(d []byte) []byte { return d[:len(d)/2] }), "it is cut off"},
		"one that is cut off after its head":  {edit(func(d []byte) []byte { return d[:2*page] }), ""},
		"one that is cut off within its head": {edit(func(d []byte) []byte { return d[:100] }), ""},
		"one with a page overwritten": {edit(func(d []byte) []byte {
			copy(d[leaf(d, page):], bytes.Repeat([]byte{0xff}, page))
			return d
		}), ""},
		"one whose pages point outside the file": {edit(func(d []byte) []byte {
			at := branch(d, page)
			binary.LittleEndian.PutUint64(d[at+16+8:], 1<<40) // the child of the first element
			return d
		}), ""},
		"a newer schema":              {schema(program, "99"), "it has schema 99, this waddled knows up to"},
		"another program's database":  {schema("gitea", "1"), "another program"},
		"a schema that is no number":  {schema(program, "one"), `its schema number "one" is not one`},
		"a schema that is never used": {schema(program, "0"), "is not one"},
	} {
		t.Run(name, func(t *testing.T) {
			path := row.file(t)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			info, _ := os.Stat(path)
			_, err = Open(path, Options{})
			p := problem.From(err)
			if err == nil || p.Code != problem.StateUnusable || !strings.Contains(p.Detail, row.says) || !strings.Contains(p.Detail, path) || p.Hint == "" {
				t.Fatalf("got %+v, want StateUnusable with %q", p, row.says)
			}
			t.Log(p.Detail)
			after, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(before, after) {
				t.Fatalf("the file was changed (%v)", err)
			}
			now, _ := os.Stat(path)
			if now.Mode() != info.Mode() || now.ModTime() != info.ModTime() {
				t.Fatal("the file's mode or time was changed")
			}
		})
	}
	t.Run("a directory", func(t *testing.T) {
		if _, err := Open(t.TempDir(), Options{}); !problem.Is(err, problem.StateUnusable) {
			t.Fatal(err)
		}
	})
}

// leaf and branch find a page of the kind in a bbolt file: its flags are the
// two bytes after the page number, 1 is a branch and 2 a leaf.
func leaf(d []byte, page int) int   { return pageWith(d, page, 2) }
func branch(d []byte, page int) int { return pageWith(d, page, 1) }

func pageWith(d []byte, page int, flags uint16) int {
	found := -1
	for at := 2 * page; at+page <= len(d); at += page {
		if binary.LittleEndian.Uint16(d[at+8:]) == flags && binary.LittleEndian.Uint64(d[at:]) == uint64(at/page) {
			found = at // the last one is the newest
		}
	}
	return found
}

func TestMigrations(t *testing.T) {
	step := func(what string) migration {
		return migration{what, func(tx *bbolt.Tx) error { return words.Put(tx, []byte(what), "done") }}
	}
	refuses := migration{"refuses", func(tx *bbolt.Tx) error {
		return errors.Join(words.Put(tx, []byte("half"), "done"), errors.New("no"))
	}}
	for name, row := range map[string]struct {
		from, to []migration
		has      string
		schema   int
		fails    bool
	}{
		"a new file has all":                  {nil, []migration{step("1"), step("2")}, "1 2", 2, false},
		"an older file gets what it lacks":    {[]migration{step("1")}, []migration{step("never"), step("2"), step("3")}, "1 2 3", 3, false},
		"a current file is left alone":        {[]migration{step("1")}, []migration{step("never")}, "1", 1, false},
		"a failed step leaves the one before": {[]migration{step("1")}, []migration{step("never"), step("2"), refuses}, "1 2", 2, true},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.db")
			if row.from != nil {
				db, err := open(path, Options{Log: slog.New(slog.DiscardHandler), Seam: func(string) error { return nil }}, row.from)
				if err != nil {
					t.Fatal(err)
				}
				if err := db.Close(); err != nil {
					t.Fatal(err)
				}
			}
			db, err := open(path, Options{Log: slog.New(slog.DiscardHandler), Seam: func(string) error { return nil }}, row.to)
			if (err != nil) != row.fails {
				t.Fatal(err)
			}
			if row.fails {
				if db, err = open(path, Options{Log: slog.New(slog.DiscardHandler), Seam: func(string) error { return nil }}, row.to[:row.schema]); err != nil {
					t.Fatal(err)
				}
			}
			defer func() { _ = db.Close() }()
			var has []string
			schema := 0
			err = db.View(func(tx *bbolt.Tx) (err error) {
				schema, err = schemaOf(tx)
				return errors.Join(err, words.Each(tx, nil, func(k []byte, _ string) (bool, error) {
					has = append(has, string(k))
					return true, nil
				}))
			})
			if err != nil || strings.Join(has, " ") != row.has || schema != row.schema {
				t.Fatalf("has %q at schema %d (%v), want %q at %d", has, schema, err, row.has, row.schema)
			}
		})
	}
}

// Each schema that was ever released has its file in testdata. Make a new one
// with WADDLE_WRITE_FIXTURE=1 before a migration is added.
func TestEveryFormerSchemaOpens(t *testing.T) {
	for n := 1; n <= len(migrations); n++ {
		t.Run(fmt.Sprintf("schema %d", n), func(t *testing.T) {
			fixture := filepath.Join("testdata", fmt.Sprintf("schema-%d.db", n))
			if os.Getenv("WADDLE_WRITE_FIXTURE") != "" && n == len(migrations) {
				writeFixture(t, fixture)
			}
			data, err := os.ReadFile(fixture)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "state.db")
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			db := mustOpen(t, path)
			if got := get(t, db, "kept"); got != "since schema "+fmt.Sprint(n) {
				t.Fatalf("got %q", got)
			}
			put(t, db, "new", "word")
		})
	}
}

func writeFixture(t *testing.T, path string) {
	if err := errors.Join(os.MkdirAll("testdata", 0o755), os.RemoveAll(path)); err != nil {
		t.Fatal(err)
	}
	db, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	put(t, db, "kept", "since schema "+fmt.Sprint(len(migrations)))
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestTheSeamStandsBeforeAndAfterEveryWrite(t *testing.T) {
	var seen []string
	refuse := ""
	path := filepath.Join(t.TempDir(), "state.db")
	db, err := Open(path, Options{Seam: func(op string) error {
		seen = append(seen, op)
		if op == refuse {
			return errors.New("stop")
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	put(t, db, "a", "1")
	if want := []string{"journal:word:before", "journal:word:after"}; !slices.Equal(seen, want) {
		t.Fatalf("seen %v", seen)
	}
	for at, value := range map[string]string{"before": "1", "after": "2"} {
		put(t, db, "a", "1")
		refuse = "journal:word:" + at
		err := db.Update("word", func(tx *bbolt.Tx) error { return words.Put(tx, []byte("a"), "2") })
		if err == nil || !strings.Contains(err.Error(), "stop") {
			t.Fatalf("%s: %v", at, err)
		}
		if got := get(t, db, "a"); got != value {
			t.Fatalf("stopped %s the write, a is %q, want %q", at, got, value)
		}
		refuse = ""
	}
}

func TestAnErrorOfTheWriterLeavesTheFileAsItWas(t *testing.T) {
	db := mustOpen(t, filepath.Join(t.TempDir(), "state.db"))
	put(t, db, "a", "1")
	no := errors.New("no")
	err := db.Update("word", func(tx *bbolt.Tx) error { return errors.Join(words.Put(tx, []byte("a"), "2"), no) })
	if !errors.Is(err, no) || get(t, db, "a") != "1" {
		t.Fatalf("%v, a is %q", err, get(t, db, "a"))
	}
}

func TestASnapshotIsAStateFile(t *testing.T) {
	db := mustOpen(t, full(t))
	copied := filepath.Join(t.TempDir(), "copy.db")
	f, err := os.Create(copied)
	if err != nil {
		t.Fatal(err)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() { // others go on writing
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				_ = db.Update("word", func(tx *bbolt.Tx) error {
					return errors.Join(words.Put(tx, []byte("one"), fmt.Sprint(i)), words.Put(tx, []byte("two"), fmt.Sprint(i)))
				})
			}
		}
	}()
	n, err := db.Snapshot(f)
	close(stop)
	<-stopped
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(copied); err != nil || info.Size() != n {
		t.Fatalf("%d bytes reported, %v", n, err)
	}
	again := mustOpen(t, copied)
	if one, two := get(t, again, "one"), get(t, again, "two"); one != two {
		t.Fatalf("the copy is not of one moment: %q and %q", one, two)
	}
	if get(t, again, "0299") == "" {
		t.Fatal("the copy lacks a word")
	}
}
