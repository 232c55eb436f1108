// Package console is the terminal that the CLI talks to, or the pipe that stands
// in its place: whether there is one, whether it takes colour, how wide it is,
// and how to ask a person something.
package console
