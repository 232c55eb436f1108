// Package live shows a running operation: on a terminal as a list of steps that
// is redrawn in place, in a pipe as one line an event.
//
// What has come to an end is written once and scrolls away like any output; only
// the running steps and one line of summary are redrawn. So nothing is lost when
// the terminal is small, and copying the text works afterwards.
package live
