package pve_test

import (
	"testing"

	"github.com/waddle-social/waddle/internal/lab/pve"
)

func options(t *testing.T) pve.Options {
	t.Helper()
	return pve.Options{Dir: t.TempDir()}
}
