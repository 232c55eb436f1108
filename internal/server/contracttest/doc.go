// Package contracttest checks each exchange of a test against the contract and
// remembers which statuses of which operations were seen.
//
// It is for tests and touches nothing on the host.
package contracttest
