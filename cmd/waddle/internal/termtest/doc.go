// Package termtest is a terminal for tests: a pseudo-terminal that a program
// runs on, and a screen that understands what the CLI writes. No program uses it.
package termtest
