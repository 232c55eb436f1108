// Package schema is the simulator's own table of what Proxmox VE 9 takes: the
// parameters of every call that the simulator answers, the privileges that the
// call needs, and a check that refuses a wrong request in Proxmox's own words.
//
// The tables are written by hand. A test compares them with the published API
// schema where that file is present; what differs on purpose is listed in
// Deliberate with the reason. The package owns nothing on the host.
package schema
