package images

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Image is a qcow2 image at a fixed address.
type Image struct {
	Name   string // of the file in the storage; Proxmox wants letters, digits and _.-+=:~ before .qcow2
	URL    string // https
	SHA512 string // in lower-case hexadecimal, or empty when nobody publishes one
}

var (
	nameRE   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.+=~-]{0,190}\.qcow2$`)
	sha512RE = regexp.MustCompile(`^[0-9a-f]{128}$`)
)

// Debian is a pinned build of Debian's genericcloud image. The address is of the form
// https://cloud.debian.org/images/cloud/trixie/BUILD/debian-13-genericcloud-amd64-BUILD.qcow2 and the
// checksum stands in SHA512SUMS beside it; "latest" moves and can have none.
func Debian(address, sha512 string) (Image, error) {
	u, err := url.Parse(address)
	if err != nil {
		return Image{}, fmt.Errorf("cannot use the image at %q: %w", address, err)
	}
	i := Image{Name: path.Base(u.Path), URL: address, SHA512: strings.ToLower(sha512)}
	if slices.Contains(strings.Split(u.Path, "/"), "latest") {
		return Image{}, fmt.Errorf("cannot use the image at %s: latest is another image every few weeks; name a dated build", address)
	}
	if i.SHA512 == "" {
		return Image{}, fmt.Errorf("cannot use the image at %s: its SHA-512 is not given; it stands in SHA512SUMS beside the image", address)
	}
	return i, i.check()
}

// Schematic says what a Talos image is made of.
type Schematic struct {
	Extensions []string // official ones: siderolabs/iscsi-tools
}

// text is the canonical form that the factory hashes (run against image-factory v1.4.0): four spaces, and
// the extensions in the order given, which is why they are sorted here.
func (s Schematic) text() string {
	if len(s.Extensions) == 0 {
		return "customization: {}\n"
	}
	t := "customization:\n    systemExtensions:\n        officialExtensions:\n"
	for _, e := range slices.Compact(slices.Sorted(slices.Values(s.Extensions))) {
		t += "            - " + e + "\n"
	}
	return t
}

// ID is the schematic's id at any Image Factory: 64 hexadecimal digits.
func (s Schematic) ID() string {
	sum := sha256.Sum256([]byte(s.text()))
	return hex.EncodeToString(sum[:])
}

// Talos is the nocloud image of a schematic that the factory knows (see Factory.Register), for amd64. It is
// taken as qcow2 because Proxmox imports no compressed one.
func Talos(factory, schematic, version string) (Image, error) {
	i := Image{URL: fmt.Sprintf("%s/image/%s/%s/nocloud-amd64.qcow2", strings.TrimSuffix(factory, "/"), schematic, version)}
	if len(schematic) != 64 || strings.Trim(schematic, "0123456789abcdef") != "" {
		return Image{}, fmt.Errorf("cannot use the Talos image of schematic %q: an id has 64 hexadecimal digits", schematic)
	}
	i.Name = fmt.Sprintf("talos-%s-nocloud-amd64-%s.qcow2", version, schematic[:12])
	return i, i.check()
}

func (i Image) check() error {
	u, err := url.Parse(i.URL)
	switch {
	case err != nil:
		return fmt.Errorf("cannot use the image %s: %w", i.Name, err)
	case u.Scheme != "https" || u.Host == "":
		return fmt.Errorf("cannot use the image %s: %s is no https address", i.Name, i.URL)
	case !nameRE.MatchString(i.Name):
		return fmt.Errorf("cannot use the image at %s: Proxmox imports no file named %q: letters, digits and _.+=~- before .qcow2", i.URL, i.Name)
	case i.SHA512 != "" && !sha512RE.MatchString(i.SHA512):
		return fmt.Errorf("cannot use the image %s: %q is no SHA-512 checksum: 128 hexadecimal digits", i.Name, i.SHA512)
	}
	return nil
}
