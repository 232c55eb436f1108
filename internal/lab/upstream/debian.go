package upstream

import (
	"crypto/sha512"
	"fmt"
	"net/http"
	"strings"
)

// DebianHost is where Debian's cloud images are.
const DebianHost = "cloud.debian.org"

// DebianBuild is the build of Debian 13 that the lab's mirror has.
const DebianBuild = "20251117-2299"

const debianVirtual = 3 << 30 // bytes, as genericcloud's

// DebianImage is the name of the image file.
func DebianImage() string { return "debian-13-genericcloud-amd64-" + DebianBuild + ".qcow2" }

// DebianURL is where the image is.
func DebianURL() string {
	return "https://" + DebianHost + "/images/cloud/trixie/" + DebianBuild + "/" + DebianImage()
}

// DebianSHA512 is the image's checksum, hexadecimal.
func DebianSHA512() string { return fmt.Sprintf("%x", sha512.Sum512(debianFile())) }

func debianFile() []byte { return image(DebianImage(), debianVirtual) }

// Debian answers as cloud.debian.org: one build of Debian 13, its checksums beside it.
func Debian() http.Handler {
	mux := http.NewServeMux()
	file := debianFile()
	for dir, name := range map[string]string{
		DebianBuild: DebianImage(),
		"latest":    strings.Replace(DebianImage(), "-"+DebianBuild, "", 1),
	} {
		at := "GET /images/cloud/trixie/" + dir + "/"
		mux.HandleFunc(at+name, func(w http.ResponseWriter, r *http.Request) { serve(w, r, name, file) })
		sums := fmt.Sprintf("%s  %s\n", DebianSHA512(), name)
		mux.HandleFunc(at+"SHA512SUMS", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			_, _ = w.Write([]byte(sums))
		})
	}
	return mux
}
