// Package access gives waddled what it needs to speak to Proxmox, and no more: roles, a user, an ACL and an
// API token with privilege separation. It is run as root on the node, by an operator.
//
// The way in is pvesh: it carries calls of the API out as root without a ticket or a password, prints JSON,
// and is on every node. pveum would do the same with another form for each object.
//
// On the host the package owns: the user waddle@pve with its ACL and its tokens daemon-N, the roles waddle-…,
// and the file of the token. It changes nothing else of Proxmox's access control.
package access
