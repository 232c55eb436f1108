package platform

import (
	"path"
	"regexp"
	"strings"
)

// Image is a disk image at a fixed address, with the checksum of its content.
type Image struct {
	// Where the image is: one build that never changes, in the format qcow2. Debian's genericcloud images have cloud-init, its nocloud images have not.
	URL HTTPS `json:"url"`
	// Checksum of the image, which stands in SHA512SUMS beside it. Default: that of the default url.
	SHA512 SHA512 `json:"sha512"`
}

// SHA512 is a SHA-512 checksum in hexadecimal.
type SHA512 string

var sha512RE = regexp.MustCompile(`^[0-9a-f]{128}$`)

func (SHA512) rule() rule {
	return matching(sha512RE, 128, "a SHA-512 checksum", "128 hexadecimal digits in lower case", debianSHA512)
}

// The image that the plan's Teleport VM is made of, with what Debian published in SHA512SUMS beside it.
const (
	debianURL    = "https://cloud.debian.org/images/cloud/trixie/20260831-2587/debian-13-genericcloud-amd64-20260831-2587.qcow2"
	debianSHA512 = "8ea9faae810043a0b35b0149f05014f26705c2339ffb11ead308f33e844a87cc3ef46ec81d5262b38817b6a88af404874d48a5857ebe072ef6a31dfb6e371f50"
)

func (i *Image) fill() {
	or(&i.URL, debianURL)
	or(&i.SHA512, debianSHA512)
}

func (i *Image) check(at string, f *faults) {
	name := path.Base(string(i.URL))
	if !strings.HasSuffix(name, ".qcow2") {
		f.add(at+".url", name+" is no qcow2 image", "an address that ends in .qcow2")
	}
	if name != path.Base(debianURL) && i.SHA512 == debianSHA512 {
		f.add(at+".sha512", "is the checksum of another image than {other} says: of "+path.Base(debianURL),
			"the checksum that SHA512SUMS beside the image has for it", at+".url")
	}
}
