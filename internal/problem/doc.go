// Package problem holds the errors that an operator or a script sees: a stable
// code, what was tried and on what, and what to do about it.
//
// It owns nothing on the host. Drivers (pkg/*) return plain Go errors; phases,
// the engine and the server turn them into problems, and the server writes them
// as RFC 9457 problem details.
package problem
