// Package machines is the platform's virtual machines and their images on the host:
// it says to the drivers (pkg/vms, pkg/vms/images) what the platform wants of them,
// and to the engine what differs, what an apply does, and what an undo takes back.
//
// On the host it writes the cloud-init snippets of its VMs into the directory of the
// storage that takes snippets (files waddle-NAME-…), downloads into the daemon's
// directory of images, and its buckets of the state file: what was made, what is off
// on purpose, which schematics are registered. Everything else goes through the
// drivers. Secrets are in none of these: the token is read from its file for each
// request and kept nowhere.
package machines
