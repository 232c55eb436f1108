package platform_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func FuzzParse(f *testing.F) {
	f.Add(readExample(f))
	seeds, err := filepath.Glob("testdata/bad/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range seeds {
		raw, err := os.ReadFile(s)
		if err != nil {
			f.Fatal(err)
		}
		input, _, _ := strings.Cut(string(raw), separator)
		f.Add([]byte(input))
	}
	f.Fuzz(func(t *testing.T, data []byte) { outcome(t, data) })
}
