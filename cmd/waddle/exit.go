package main

import "github.com/waddle-social/waddle/internal/problem"

// The exit codes. Scripts branch on them, so one that was released never
// changes its meaning. docs/cli.md has the same table; a test compares the two.
const (
	exitDone            = 0   // all that was asked for is done
	exitError           = 1   // anything that has no code of its own
	exitUsage           = 2   // the command line, an answer or a document is wrong; nothing was changed
	exitDifferences     = 3   // plan --exit-code found something to change
	exitRefused         = 4   // the daemon understood and refused: conflict, adoption needed, would cut the caller, forbidden…
	exitFailed          = 5   // it was tried and failed, or was cancelled
	exitGate            = 6   // stopped at a gate: a person has to do or confirm something
	exitUnreachable     = 7   // no daemon answered
	exitUnauthenticated = 8   // no token, or one that is not valid
	exitInterrupted     = 130 // Ctrl-C; an operation that was started goes on in the daemon
)

// exitOf says which exit code stands for a problem code.
func exitOf(c problem.Code) int {
	switch c {
	case problem.InvalidRequest, problem.InvalidPlatform, problem.NotFound, problem.MethodNotAllowed,
		problem.TooLarge, problem.UnsupportedMedia, problem.IdempotencyReused, problem.PreconditionNeeded:
		return exitUsage
	case problem.Conflict, problem.OperationRunning, problem.AdoptionNeeded, problem.WouldCutConnection,
		problem.Forbidden, problem.GateNotOpen, problem.NeedsNotDone, problem.NotUndoable, problem.NoPlatform, problem.PreconditionFailed,
		problem.HostUnsuitable, problem.InUse, problem.NoSpace, problem.ChangePending, problem.NothingPending, problem.ProofNeeded:
		return exitRefused
	case problem.Unauthenticated, problem.TooManyAttempts:
		return exitUnauthenticated
	case problem.Unavailable:
		return exitUnreachable
	case problem.StateUnusable, problem.RulesDamaged, problem.Interrupted, problem.NotSettled:
		return exitFailed
	case problem.Internal:
		return exitError
	}
	return exitError
}
