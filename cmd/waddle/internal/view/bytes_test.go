package view

import "testing"

func TestAmountsAreInTheLargestUnitThatFits(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 512: "512 B", 1023: "1023 B", 1 << 10: "1 KiB", 1536: "1.5 KiB", 1<<20 - 1: "1024.0 KiB", 1 << 20: "1 MiB",
		10 << 30: "10 GiB", 3<<40 + 1<<39: "3.5 TiB", 1 << 50: "1 PiB", 1<<63 - 1: "8.0 EiB",
	} {
		if got := amount(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}
