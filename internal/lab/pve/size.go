package pve

import (
	"fmt"
	"strconv"
	"strings"
)

// parseSize reads Proxmox's sizes: 3G, 512M, 4096 (bytes).
func parseSize(s string) int64 {
	unit := int64(1)
	if i := strings.IndexAny(s, "KMGT"); i >= 0 {
		unit = int64(1) << (10 * (1 + strings.IndexByte("KMGT", s[i])))
		s = s[:i]
	}
	f, _ := strconv.ParseFloat(s, 64)
	return int64(f * float64(unit))
}

// formatSize writes a size in the largest unit that divides it.
func formatSize(n int64) string {
	for i := 4; i > 0; i-- {
		if unit := int64(1) << (10 * i); n >= unit && n%unit == 0 {
			return fmt.Sprintf("%d%c", n/unit, "KMGT"[i-1])
		}
	}
	return strconv.FormatInt(n, 10)
}
