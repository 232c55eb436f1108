// Package daemon puts waddled together: the state file, the drivers, the
// phases, the engine and the server.
//
// Of its own it owns the directories that it is given for state and socket;
// everything else on the host belongs to the drivers. It decides nothing: a
// start that finds the state file unusable or the host unsuitable ends before
// anything is touched.
package daemon
