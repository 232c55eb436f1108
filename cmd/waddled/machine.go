//go:build !lab

package main

import "github.com/waddle-social/waddle/internal/storage"

// machine is what the volumes are made of: the host's own.
func machine() (storage.Machine, error) { return storage.Machine{}, nil }
