package upstream

import (
	"bytes"
	"crypto/sha256"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/waddle-social/waddle/internal/lab/pve"
)

// imageBytes is how long an image file is: enough that a download has a middle.
const imageBytes = 2 << 20

// image is a qcow2 file of a virtual size in bytes. The same name always gives the same bytes,
// and another name others.
func image(name string, virtual int64) []byte {
	file := make([]byte, imageBytes)
	noise := rand.NewChaCha8(sha256.Sum256([]byte(name)))
	_, _ = noise.Read(file) // never fails, see math/rand/v2
	copy(file, pve.QCOW2(virtual))
	return file
}

// raw is a disk image with a boot sector's signature.
func raw(name string) []byte {
	file := image(name, 0)
	clear(file[:512])
	file[510], file[511] = 0x55, 0xaa
	return file
}

// serve answers GET and HEAD, with ranges.
func serve(w http.ResponseWriter, r *http.Request, name string, file []byte) {
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(file))
}
