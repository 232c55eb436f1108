// Package platform holds the desired state of a platform: one YAML document with
// the plan's tables, their defaults and the rules that they have to satisfy.
//
// It is pure. It touches nothing on the host and opens no file; Parse reads
// bytes, Marshal returns bytes. The document on disk belongs to the package
// platformfile below.
//
// Each table of the plan is one file: its types, its defaults (fill) and the
// checks that concern it (check). A value that a file leaves out is the zero
// value until fill gives it the plan's value; an explicit zero, an empty text or
// an empty list is an error, so that the two cannot be confused.
package platform
