// Package journey runs the real daemon through the lab: a real kernel's
// bridges, NAT and netfilter, looked at from outside.
//
// The daemon of these tests is this test program itself (see TestMain), so it
// runs with the race detector on, and a test can have it killed at any of its
// side effects. What it runs is internal/daemon with the paths of a real host.
// The tests need root and skip without it, unless CI is set.
package journey
