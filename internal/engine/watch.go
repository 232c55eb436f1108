package engine

// WatchAll wakes the reconciler for every applied step, whatever it watches.
// Send it after the platform document has changed. All other kinds are names
// that the drivers give to what the kernel tells them, e.g. pkg/netfw's
// EventLink: the engine only compares them with Step.Watches.
const WatchAll = "all"
