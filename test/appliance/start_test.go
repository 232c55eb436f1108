package appliance

import (
	"context"
	"os"
	"strconv"
	"testing"
	"time"
)

func TestACopyOfTheTemplateRunsWithinSecondsAndIsAlone(t *testing.T) {
	templateFor(t)
	began := time.Now()
	vm := ForTest(t, Options{})
	t.Logf("from Start to an answering guest: %.2f s", time.Since(began).Seconds())
	began = time.Now()
	run(t, vm, "true")
	t.Logf("one command: %.0f ms", 1000*time.Since(began).Seconds())
	run(t, vm, "echo mine >/root/mark; zfs create rpool/mine; sync")

	other := ForTest(t, Options{})
	if out, err := other.Run(t.Context(), "cat /root/mark || zfs list rpool/mine"); err == nil {
		t.Errorf("another copy sees what the first one wrote: %q", out)
	}
	before := time.Now()
	guest, err := strconv.ParseInt(run(t, other, "date +%s"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if at := time.Unix(guest, 0); at.Before(before.Add(-5*time.Second)) || at.After(time.Now().Add(5*time.Second)) {
		t.Errorf("the copy's clock says %s; it was asked between %s and %s", at, before, time.Now())
	}
}

// templateFor makes the template where there is none, which takes a boot.
func templateFor(t *testing.T) {
	t.Helper()
	if os.Getenv(Enabled) == "" {
		return // ForTest skips the test
	}
	o := Options{Log: t.Output()}.withDefaults()
	i, err := buildImage(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := makeTemplate(context.Background(), i, o); err != nil {
		t.Fatal(err)
	}
}
