// Command recovery renews the generated blocks of docs/recovery.md: what
// `waddled emergency` does, as commands for a console on which waddled does not
// start. They come from the code's own rules, and a test runs them.
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: recovery PAGE")
		os.Exit(2)
	}
	if err := renew(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func renew(path string) error {
	page, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text, err := renewed(string(page))
	if err != nil {
		return fmt.Errorf("cannot renew %s: %w", path, err)
	}
	return os.WriteFile(path, []byte(text), 0o644)
}
