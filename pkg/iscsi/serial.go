package iscsi

import (
	"crypto/sha256"
	"encoding/hex"
)

// serial returns the serial to give a backstore that has none.
func (b Backstore) serial() string {
	if b.Serial != "" {
		return b.Serial
	}
	sum := sha256.Sum256([]byte("waddle iscsi backstore " + b.Name))
	h := hex.EncodeToString(sum[:16])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
