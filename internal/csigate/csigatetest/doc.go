// Package csigatetest plays democratic-csi: it writes the driver's exec strings
// (by a code of its own, not by package grammar, so that the two check each
// other), follows the order of its RPCs, and holds the transcript of every
// command shape with what has to come back.
//
// It runs against the stand-ins here and, by the same functions, against real
// ZFS and LIO in the appliance VM.
package csigatetest
