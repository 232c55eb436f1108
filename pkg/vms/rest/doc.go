// Package rest speaks to the HTTP API of one Proxmox VE node: requests with an API token over TLS that is
// verified against the node's CA, errors with all that Proxmox said, and tasks whose end is
// looked at. Everything that asks Proxmox over HTTP asks through it.
//
// It stands on go-proxmox's plain requests. Its other calls are not used: they hide the text of Proxmox's
// refusals, their waits ignore both the context and the exit status, and the upload knows no context.
//
// It owns nothing on the host and reads two files: the CA certificate and the token.
package rest
