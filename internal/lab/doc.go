// Package lab builds a twin of the platform's host out of network namespaces on
// one Linux machine, so that the real waddled can be run and looked at from
// outside without a spare server.
//
// A lab has three nodes: "internet" (a router, a web server, a name server),
// "scanner" (somebody outside the host's network) and "host" (what a fresh
// Proxmox host looks like, with an /etc, /run, /var, /tmp and /root of its own, and
// with the API of Proxmox VE, simulated by package pve, whose VMs are namespaces too).
// VMs are further namespaces that are plugged into the host's bridges. Every link
// lives inside one of these namespaces and none of them is connected to the
// machine: no packet leaves a lab.
//
// On the machine a lab owns /run/netns/waddle-NAME-*, /run/waddle-lab/NAME and the
// processes whose network namespace is one of those names, nothing else. Mounts
// of the host's view exist only in a mount namespace that dies with the lab's
// service process. It needs root, and no virtualisation.
package lab
