package engine

// The kinds of kernel events that a step may watch and that the reconciler is
// woken by.
const (
	WatchLink    = "link"    // rtnetlink: links come, go, change
	WatchAddress = "address" // rtnetlink: addresses come and go
	WatchRoute   = "route"   // rtnetlink: routes come and go
	WatchRules   = "rules"   // nfnetlink: a new generation of the rule set
	WatchSysctl  = "sysctl"  // a sysctl that a step wants has changed
	WatchFile    = "file"    // a file of ours has changed

	// WatchAll wakes the reconciler for every step, whatever it watches. Send it
	// after the platform document has changed.
	WatchAll = "all"
)
