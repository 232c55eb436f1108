package images

import "fmt"

// ChecksumError is an image whose content is not the one that it has to be. Nothing of it was kept.
type ChecksumError struct {
	Image     string
	URL       string
	Algorithm string // SHA-256 or SHA-512
	Got, Want string
	Recorded  bool // the checksum is that of an earlier download, not a published one
}

func (e *ChecksumError) Error() string {
	s := fmt.Sprintf("cannot use the image %s from %s: its %s is %s, it has to be %s", e.Image, e.URL, e.Algorithm, short(e.Got), short(e.Want))
	if e.Recorded {
		return s + ", that of its first download"
	}
	return s + ": the pinned checksum or the address is wrong, or somebody changed the image; compare it with SHA512SUMS beside the image"
}

func short(sum string) string {
	if len(sum) > 16 {
		return sum[:16] + "…"
	}
	return sum
}

func verify(i Image, want, got sums) error {
	if want.sha512 != "" && want.sha512 != got.sha512 {
		return &ChecksumError{Image: i.Name, URL: i.URL, Algorithm: "SHA-512", Got: got.sha512, Want: want.sha512}
	}
	if want.sha256 != "" && want.sha256 != got.sha256 {
		return &ChecksumError{Image: i.Name, URL: i.URL, Algorithm: "SHA-256", Got: got.sha256, Want: want.sha256, Recorded: true}
	}
	return nil
}
