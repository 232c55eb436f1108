// Package engine runs steps: it plans them, runs them as durable operations and
// repeats their checks as the reconciler.
//
// A step is one aspect of the real world. A graph of steps comes from
// internal/phase; the engine knows nothing of networks, firewalls or VMs. An
// operation is one run over a selection of steps. Everything that it decides is
// in the journal (one bbolt file) before it is done, so that a daemon killed at
// any instant finds its way back.
//
// On the host it owns the state file that it is given and nothing else.
package engine
