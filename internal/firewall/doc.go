// Package firewall answers what the API is asked about the host's firewall and
// has its profile changed: which rules a profile stands for on this platform,
// what has to be done before a lockdown, which connection proves that new rules
// let somebody in, and which rule decides about a packet.
//
// It owns nothing on the host. The truth, the rollback and the way into the
// kernel are pkg/netfw/confirm's, the rules pkg/netfw's.
package firewall
