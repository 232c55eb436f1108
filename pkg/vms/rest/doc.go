// Package rest speaks to the HTTP API of one Proxmox VE node: requests with an API token over TLS that is
// verified against the node's CA, errors with all that Proxmox said, and tasks whose end is looked at.
//
// It is for the calls around VMs (images, preflight) whose refusals have to be told apart: go-proxmox drops
// the text of a 500 and of a 403, and its upload knows no context. It owns nothing on the host and reads two
// files: the CA certificate and the token.
package rest
