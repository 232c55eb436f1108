// Package images brings disk images into a Proxmox storage, where VMs are made from them by import-from.
//
// Two kinds of image are known: one with a published checksum (Debian's genericcloud builds), and the nocloud
// image of a Talos schematic, for which the public Image Factory publishes none. Of the latter the first
// download's SHA-256 is recorded and holds ever after; TLS is what the first one is trusted by.
//
// An image with a checksum is fetched by Proxmox itself (download-url). One without, or one that Proxmox
// cannot fetch, is downloaded here, resumed where it broke off, verified and uploaded. Either way the volume
// has its name only when its content is right.
//
// On the host the package writes below Options.Dir and through Records; everything else goes through
// Proxmox's API. Volumes that it has not recorded as its own it never replaces and never removes.
package images
