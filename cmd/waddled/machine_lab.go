//go:build lab

// The lab's waddled has stand-ins for what only other kernels have. It is never
// part of the host's package, which is built without this tag.

package main

import (
	"github.com/waddle-social/waddle/internal/lab/standin"
	"github.com/waddle-social/waddle/internal/storage"
)

func machine() (storage.Machine, error) { return standin.Storage(standin.Dir) }
