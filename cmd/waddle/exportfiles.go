package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"github.com/waddle-social/waddle/client"
)

// writeExport writes all files or, when one of them would be lost, none.
func (a *app) writeExport(dir string, files []client.ExportFile, force bool) error {
	for _, f := range files {
		path := filepath.Join(dir, f.Name)
		if filepath.Base(f.Name) != f.Name || f.Name == "." || f.Name == ".." {
			return fmt.Errorf("cannot write the export: the daemon names a file %q, which is no plain name", f.Name)
		}
		old, err := os.ReadFile(path)
		switch {
		case err != nil && !os.IsNotExist(err):
			return fmt.Errorf("cannot write the export: %w", err)
		case err == nil && string(old) != f.Content && !force:
			return usagef("look at it, then use --force, or another directory", "cannot write the export: %s is there and says something else", path)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cannot write the export: %w", err)
	}
	for _, f := range files {
		path := filepath.Join(dir, f.Name)
		if err := renameio.WriteFile(path, []byte(f.Content), 0o644); err != nil {
			return fmt.Errorf("cannot write the export: %w", err)
		}
		if _, err := fmt.Fprintln(a.con.Out, "wrote "+path); err != nil {
			return err
		}
	}
	return nil
}
