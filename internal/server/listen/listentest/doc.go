// Package listentest reserves TCP ports for tests that need to know a port before
// something listens on it.
//
// It is for tests and touches nothing on the host but the ports it reserves.
package listentest
