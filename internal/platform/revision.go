package platform

import (
	"crypto/sha256"
	"encoding/hex"
)

// Revision names the exact bytes of a document: the first 16 hexadecimal digits
// of their SHA-256. It is the API's ETag.
func Revision(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])[:16]
}
