// Package phase is the plan's provisioning sequence as a graph of steps: one
// file a phase, in the plan's order and words.
//
// It translates the platform document into what the drivers take, and the
// drivers' answers into the engine's. It holds no state and touches the host
// only through the drivers it is given.
//
// A step that waddled cannot carry out yet is a gate: its instruction says what
// to do by hand, and an acknowledgement with name and time closes it.
package phase
