package state

import (
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
)

func TestABucketIsWalkedBothWays(t *testing.T) {
	db := mustOpen(t, filepath.Join(t.TempDir(), "state.db"))
	for _, k := range []string{"b", "d", "a", "c"} {
		put(t, db, k, k)
	}
	walk := func(walk func(*bbolt.Tx, []byte, func([]byte, string) (bool, error)) error, from string, most int) string {
		var seen []string
		var key []byte
		if from != "" {
			key = []byte(from)
		}
		err := db.View(func(tx *bbolt.Tx) error {
			return walk(tx, key, func(_ []byte, v string) (bool, error) {
				seen = append(seen, v)
				return len(seen) < most, nil
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(seen, "")
	}
	for name, row := range map[string]struct{ got, want string }{
		"all":                             {walk(words.Each, "", 9), "abcd"},
		"from a key":                      {walk(words.Each, "b", 9), "bcd"},
		"from between keys":               {walk(words.Each, "bb", 9), "cd"},
		"until there is enough":           {walk(words.Each, "", 2), "ab"},
		"back":                            {walk(words.EachBack, "", 9), "dcba"},
		"back from before a key":          {walk(words.EachBack, "c", 9), "ba"},
		"back from between keys":          {walk(words.EachBack, "bb", 9), "ba"},
		"back from beyond the last":       {walk(words.EachBack, "z", 9), "dcba"},
		"back from before the first":      {walk(words.EachBack, "a", 9), ""},
		"back until there is enough":      {walk(words.EachBack, "", 1), "d"},
		"a bucket that nobody has filled": {walk(Bucket[string]("none").Each, "", 9), ""},
		"and the same back":               {walk(Bucket[string]("none").EachBack, "", 9), ""},
	} {
		if row.got != row.want {
			t.Errorf("%s: %q, want %q", name, row.got, row.want)
		}
	}
}

func TestAValueOfAnotherShapeIsAnError(t *testing.T) {
	db := mustOpen(t, filepath.Join(t.TempDir(), "state.db"))
	put(t, db, "a", "text")
	err := db.View(func(tx *bbolt.Tx) error {
		_, _, err := Bucket[int]("words").Get(tx, []byte("a"))
		return err
	})
	if err == nil || !strings.Contains(err.Error(), `cannot decode words "a"`) {
		t.Fatal(err)
	}
}

func TestNumbersRiseAfterDeletionsAndRestarts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	next := func(db *DB) (n uint64) {
		err := db.Update("number", func(tx *bbolt.Tx) (err error) {
			if n, err = words.Next(tx); err != nil {
				return err
			}
			return words.Delete(tx, []byte("a"))
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	db, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	put(t, db, "a", "1")
	if n := next(db); n != 1 {
		t.Fatal(n)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	again := mustOpen(t, path)
	if last, none := lastOf(t, again, words), lastOf(t, again, Bucket[string]("none")); last != 1 || none != 0 {
		t.Fatalf("the last number is %d, and %d in a bucket that nobody has filled", last, none)
	}
	if n := next(again); n != 2 {
		t.Fatal(n)
	}
}

func lastOf(t *testing.T, db *DB, b Bucket[string]) (n uint64) {
	t.Helper()
	if err := db.View(func(tx *bbolt.Tx) error { n = b.Last(tx); return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

func BenchmarkOneWrite(b *testing.B) {
	db, err := Open(filepath.Join(b.TempDir(), "state.db"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	value := strings.Repeat("x", 300)
	for b.Loop() {
		if err := db.Update("word", func(tx *bbolt.Tx) error { return words.Put(tx, []byte("a"), value) }); err != nil {
			b.Fatal(err)
		}
	}
}
