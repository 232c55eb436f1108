package execute

import (
	"context"
	"testing"

	"pgregory.net/rapid"

	"github.com/waddle-social/waddle/internal/csigate/grammar"
)

// fragments are what somebody who wants out would put into a name or value.
var fragments = []string{
	"", "..", "/..", "/../..", "/", "@", "@%", "%", ",", " ", "  ", "\n", "\x00", "\t", "rpool", "rpool/ROOT", "rpool/data", "rpool/k8s-csi", "-r", "-R", "-f", "-d", "-o", "-V 16384",
	"mountpoint=\"/etc\"", "keylocation=\"file:///etc/shadow\"", "\"", "'", "$(id)", "`id`", ";id", "|id", "\\", "=", ":", "a", "A", "b", "pvc-1", "0", "16777216", "9223372036854775807",
	"iqn.2003-01.org.linux-iscsi:x", "/dev/sda", "/dev/zvol/rpool/data/vm-100-disk-0", "cd /", "saveconfig", "delete ", "create ", "set ", "destroy ", "ü", "v", "s", "x.y", "@a", "@a,b",
}

// TestNothingOutsideIsReached changes the driver's own commands at random and
// runs what is still understood: the watcher fails when anything outside the
// root dataset or the base name is named.
func TestNothingOutsideIsReached(t *testing.T) {
	dev := devices(t)
	rows := testDriver.Transcript()
	ran, refused := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		s := rapid.SampledFrom(rows).Draw(rt, "row").Command
		for range rapid.IntRange(0, 3).Draw(rt, "changes") {
			at := rapid.IntRange(0, len(s)).Draw(rt, "at")
			end := min(len(s), at+rapid.IntRange(0, 12).Draw(rt, "length"))
			s = s[:at] + rapid.SampledFrom(fragments).Draw(rt, "fragment") + s[end:]
		}
		e, w := watched(t, dev)
		w.fail = rt.Fatalf
		c, err := grammar.Parse(e.Layout(), s)
		if err != nil {
			refused++
			harmless(t, err.Error())
			return
		}
		a := e.Run(context.Background(), c)
		if a.Err != nil && grammar.IsRefusal(a.Err) {
			refused++
			harmless(t, a.Err.Error())
			return
		}
		ran++
	})
	t.Logf("%d ran, %d were refused", ran, refused)
	if ran < 10 || refused < 10 {
		t.Fatalf("%d ran and %d were refused: the test looks at one side only", ran, refused)
	}
}

// TestEveryShapeReachesZFSOrTheKernel keeps the watcher honest: what it is meant
// to look at has to come by.
func TestEveryShapeReachesZFSOrTheKernel(t *testing.T) {
	dev := devices(t)
	ran := map[string]int{}
	paths := 0
	for _, row := range testDriver.Transcript() {
		e, w := watched(t, dev)
		c, err := grammar.Parse(e.Layout(), row.Command)
		if err != nil {
			t.Fatal(err)
		}
		e.Run(context.Background(), c)
		for _, argv := range w.argvs {
			ran[argv[0]]++
		}
		paths += w.paths
	}
	for verb := range verbs {
		if ran[verb] == 0 {
			t.Errorf("zfs %s was never run", verb)
		}
	}
	if paths < 50 {
		t.Errorf("configfs was touched %d times", paths)
	}
}
