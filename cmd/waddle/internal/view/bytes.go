package view

import "fmt"

// amount is a number of bytes in the largest binary unit that leaves a whole
// number before the point: 512 B, 1.5 MiB, 10 GiB.
func amount(n int64) string {
	const units = "KMGTPE"
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	unit, shift := units[0], 10
	for i := 1; i < len(units) && n>>(shift+10) > 0; i++ {
		unit, shift = units[i], shift+10
	}
	if n&(1<<shift-1) == 0 {
		return fmt.Sprintf("%d %ciB", n>>shift, unit)
	}
	return fmt.Sprintf("%.1f %ciB", float64(n)/float64(int64(1)<<shift), unit)
}
