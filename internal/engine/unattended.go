package engine

import "context"

type unattendedKey struct{}

// Unattended reports whether a Check was called because a timer or a kernel
// event said so, and not because somebody asked. What costs traffic beyond the
// host, a check does for people only.
func Unattended(ctx context.Context) bool { return ctx.Value(unattendedKey{}) != nil }

func unattended(ctx context.Context) context.Context {
	return context.WithValue(ctx, unattendedKey{}, true)
}
