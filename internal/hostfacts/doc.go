// Package hostfacts looks at the host that it runs on, so that `waddle init` can
// propose a platform document and the daemon can tell when a document asks for
// more than the host has.
//
// It owns nothing and changes nothing: it reads files below /proc, /sys, /etc and
// /root/.ssh and asks the kernel for links, addresses and routes by netlink. It
// starts no process. What is not there (no ZFS, no Proxmox, no SSH daemon) is a
// fact and no error; what is there and cannot be understood is an error.
package hostfacts
