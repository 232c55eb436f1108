// Package state keeps everything that the daemon has to remember in one bbolt
// file: the engine's journal, tokens, idempotency keys.
//
// On the host it owns that one file (mode 0600) and, while it creates it, a
// temporary file beside it. Each write is one transaction that is on the disk
// (fdatasync) when Update returns. A file that is damaged, foreign or newer than
// this program is refused and left exactly as it is.
package state
