// Command gendoc writes what is generated from the types of the platform
// document: its JSON Schema (twice: for editors, and for the program to embed)
// and the reference page.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

func main() {
	root := flag.String("root", ".", "the module's directory")
	flag.Parse()
	if err := run(*root); err != nil {
		fmt.Fprintln(os.Stderr, "gendoc:", err)
		os.Exit(1)
	}
}

func run(root string) error {
	files, err := generate(root)
	if err != nil {
		return err
	}
	var errs []error
	for name, data := range files {
		path := filepath.Join(root, name)
		errs = append(errs, os.MkdirAll(filepath.Dir(path), 0o755), renameio.WriteFile(path, data, 0o644))
	}
	return errors.Join(errs...)
}

// generate returns the content of every generated file by its name below root.
func generate(root string) (map[string][]byte, error) {
	words, err := comments(filepath.Join(root, "internal/platform"))
	if err != nil {
		return nil, err
	}
	schema, err := schemaOf(words)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{
		"api/platform.schema.json":               schema,
		"internal/platform/platform.schema.json": schema,
		"docs/platform.md":                       page(words),
	}, nil
}
