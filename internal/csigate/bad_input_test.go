package csigate_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waddle-social/waddle/internal/csigate/csigatetest"
	"github.com/waddle-social/waddle/internal/csigate/execute"
)

// badNames are volume ids that nobody validates on the way here.
var badNames = map[string]string{
	"the parent":                         "..",
	"a path out":                         "../../ROOT/pve-1",
	"a slash":                            "pvc-1/x",
	"a snapshot":                         "pvc-1@snap-1",
	"all snapshots":                      "pvc-1@%",
	"a percent sign":                     "pvc%1",
	"a comma":                            "pvc-1,pvc-2",
	"a list of snapshots":                "pvc-1@a,b",
	"a range of snapshots":               "pvc-1@a%b",
	"a newline":                          "pvc-1\nreboot",
	"a carriage return":                  "pvc-1\rreboot",
	"a NUL":                              "pvc-1\x00x",
	"a tab":                              "pvc-1\tx",
	"10,000 characters":                  strings.Repeat("a", 10_000),
	"129 characters":                     strings.Repeat("a", 129),
	"letters beyond ASCII":               "pvc-ü",
	"bytes that are no text":             "pvc-\xff\xfe",
	"nothing":                            "",
	"a space":                            " ",
	"an option":                          "-R",
	"a leading dot":                      ".pvc-1",
	"a second command":                   "a b; reboot #",
	"a command in between":               "$(reboot)",
	"backticks":                          "`reboot`",
	"a pipe":                             "pvc-1|reboot",
	"a quote":                            `pvc-1"`,
	"an apostrophe":                      "pvc-1'",
	"a backslash":                        `pvc-1\`,
	"a redirection":                      "pvc-1>/etc/passwd",
	"words that the driver would act on": "dataset does not exist",
	"a bookmark":                         "pvc-1#b",
}

// commandsWith are all commands that a bad name can get into.
func commandsWith(d csigatetest.Driver, id string) map[string]string {
	const zfs = "/sbin/zfs "
	return map[string]string{
		"destroy":            zfs + "destroy -r -f -p " + d.V + "/" + id,
		"destroy snapshots":  zfs + "destroy -f -p " + d.V + "/" + id + "@x",
		"destroy a detached": zfs + "destroy -r -f -p " + d.S + "/" + id + "/" + id,
		"create":             d.Create(id, 16<<20),
		"create a container": zfs + "create -p " + d.S + "/" + id + "/" + id,
		"set":                csigatetest.Set(d.V+"/"+id, csigatetest.Pair("volsize", "33554432")),
		"snapshot":           zfs + "snapshot " + d.V + "/" + id + "@" + id,
		"clone from":         d.Clone("volume", "pvc-1", d.V+"/"+id+"@"+id, "pvc-new"),
		"clone to":           d.Clone("volume", "pvc-1", d.V+"/pvc-1@snap-1", id),
		"copy from":          csigatetest.Copy(d.V+"/"+id+"@"+id, d.V+"/pvc-new"),
		"copy to":            csigatetest.Copy(d.V+"/pvc-1@snap-1", d.V+"/"+id),
		"export":             d.CreateTarget(id),
		"take the export":    d.DeleteTarget(id),
		"as a whole command": id,
	}
}

func TestBadNamesAreRefusedAndNothingChanges(t *testing.T) {
	w := newWorld(t)
	w.limits.Rate, w.limits.Burst = 1e6, 1e6
	w.start()
	must(t, w.d.CreateVolume("pvc-1", 16<<20))
	must(t, w.d.CreateSnapshot("pvc-1", "snap-1", false))
	before := w.state()
	n := 0
	for what, id := range badNames {
		for name, command := range commandsWith(w.d, id) {
			n++
			r, err := w.Exec(command, strings.HasSuffix(command, "targetcli'"))
			if err != nil {
				t.Fatalf("%s in %s: %v", what, name, err)
			}
			text := r.Stdout + r.Stderr
			if r.Code != 1 || !strings.HasPrefix(text, "waddled refused this") || len(text) > 1500 {
				t.Errorf("%s in %s: %+v", what, name, r)
			}
			if strings.Contains(text, "does not exist") {
				t.Errorf("%s in %s: the driver would take %q for success", what, name, text)
			}
		}
	}
	if after := w.state(); after != before {
		t.Fatalf("changed:\n%s\nwas\n%s", after, before)
	}
	t.Logf("%d commands refused", n)
}

func TestReadingReachesNothingElse(t *testing.T) {
	w := newWorld(t).start()
	for _, target := range []string{"rpool", "rpool/data", root, root + "/vx", root + "/v/../..", "/", "-r", w.d.V + "/a/b/c"} {
		for _, command := range []string{"/sbin/zfs get -Hp -o name,property,value,received,source all " + target, "/sbin/zfs list -r -Hp -t volume -o name " + target} {
			r, err := w.Exec(command, false)
			must(t, err)
			if r.Code != 1 || r.Stdout != "" || !strings.HasPrefix(r.Stderr, "waddled refused this: ") {
				t.Errorf("%s: %+v", command, r)
			}
		}
	}
}

func TestSizesThatCannotBeAreRefused(t *testing.T) {
	w := newWorld(t).start()
	must(t, w.d.CreateVolume("pvc-1", 16<<20))
	before := w.state()
	for name, row := range map[string]struct{ size, want string }{
		"zero":                 {"0", "positive number of bytes"},
		"negative":             {"-16777216", "positive number of bytes"},
		"no multiple":          {"16777217", "multiple of"},
		"less than a block":    {"1", "multiple of"},
		"beyond the pool":      {fmt.Sprint(65 << 30), "do not fit"},
		"beyond zfs":           {"9223372036854775808", "positive number of bytes"},
		"beyond 64 bits":       {"36893488147419103232", "positive number of bytes"},
		"with a unit":          {"16M", "positive number of bytes"},
		"as JavaScript prints": {"1e+21", "positive number of bytes"},
		"hexadecimal":          {"0x1000000", "positive number of bytes"},
		"with a leading zero":  {"016777216", "not written the way"},
		"a word":               {"large", "positive number of bytes"},
		"nothing":              {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			create := strings.Replace(w.d.Create("pvc-2", 16<<20), "-V 16777216", "-V "+row.size, 1)
			r, err := w.Exec(create, false)
			must(t, err)
			if r.Code != 1 || !strings.Contains(r.Stderr, row.want) {
				t.Errorf("create: %+v", r)
			}
			r, err = w.Exec(csigatetest.Set(w.d.V+"/pvc-1", csigatetest.Pair("volsize", row.size)), false)
			must(t, err)
			if r.Code == 0 && row.size != "016777216" {
				t.Errorf("set: %+v", r)
			}
		})
	}
	if after := w.state(); after != before {
		t.Fatalf("changed:\n%s\nwas\n%s", after, before)
	}
}

func TestVolumesTogetherDoNotPromiseMoreThanThereIs(t *testing.T) {
	w := newWorld(t).start()
	must(t, w.d.CreateVolume("pvc-1", 40<<30))
	for name, err := range map[string]error{
		"a new one": w.d.CreateVolume("pvc-2", 30<<30),
		"a clone":   w.d.CreateVolumeFromVolume("pvc-3", 40<<30, "pvc-1", false),
		"a copy":    w.d.CreateVolumeFromVolume("pvc-4", 40<<30, "pvc-1", true),
		"growing":   w.d.ExpandVolume("pvc-1", 65<<30),
	} {
		if err == nil || !strings.Contains(err.Error(), "do not fit") || !strings.Contains(err.Error(), "delete volumes or raise spec.storage.quota") {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, w.d.ExpandVolume("pvc-1", 50<<30))
	must(t, w.d.CreateVolume("pvc-5", 10<<30))
	must(t, w.d.DeleteVolume("pvc-5"))
	must(t, w.d.CreateVolume("pvc-6", 12<<30))
	err := atOnce(8, func(i int) error { return w.d.CreateVolume(fmt.Sprintf("pvc-7%d", i), 1<<30) })
	if err == nil || strings.Count(err.Error(), "do not fit") < 7 {
		t.Fatalf("eight at once where one fits: %v", err)
	}
}

func TestTooManyVolumesAreRefused(t *testing.T) {
	w := newWorld(t)
	w.policy = func(p *execute.Policy) { p.MaxVolumes = 2 }
	w.start()
	must(t, w.d.CreateVolume("pvc-1", 16<<20))
	must(t, w.d.CreateVolume("pvc-2", 16<<20))
	must(t, w.d.CreateVolume("pvc-2", 16<<20))
	if err := w.d.CreateVolume("pvc-3", 16<<20); err == nil || !strings.Contains(err.Error(), "no more are allowed") {
		t.Fatal(err)
	}
}

func TestADeviceThatNeverAppearsIsAnErrorAndLeavesNoTarget(t *testing.T) {
	w := newWorld(t)
	w.wait = 50 * time.Millisecond
	w.start()
	_, err := w.Exec(w.d.Create("pvc-1", 16<<20), false)
	must(t, err)
	link := filepath.Join(w.dev, "zvol", w.d.V, "pvc-1")
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if err := os.Remove(link); err == nil {
			break
		} else if !errors.Is(err, fs.ErrNotExist) || time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	before := w.state()
	r, err := w.Exec(w.d.CreateTarget("pvc-1"), true)
	must(t, err)
	if r.Code != 1 || !strings.Contains(r.Stdout, "device did not appear") || !strings.HasSuffix(r.Stdout, "\r\n") {
		t.Fatalf("%+v", r)
	}
	if after := w.state(); after != before {
		t.Fatalf("changed:\n%s\nwas\n%s", after, before)
	}
}

func TestAScriptThatWasCutRunsNothingOfIt(t *testing.T) {
	w := newWorld(t)
	w.limits.Rate, w.limits.Burst = 1e6, 1e6
	w.start()
	must(t, w.d.CreateVolume("pvc-1", 16<<20))
	_, err := w.Exec(w.d.Create("pvc-2", 16<<20), false)
	must(t, err)
	before := w.state()
	n := 0
	for _, script := range []string{w.d.CreateTarget("pvc-2"), w.d.DeleteTarget("pvc-1")} {
		lines := strings.SplitAfter(script, "\n")
		for i := range lines {
			for what, cut := range map[string]string{
				"the end is missing":   strings.Join(lines[:i], ""),
				"a line is missing":    strings.Join(lines[:i], "") + strings.Join(lines[i+1:], ""),
				"a line comes twice":   strings.Join(lines[:i+1], "") + strings.Join(lines[i:], ""),
				"it ends early":        strings.Join(lines[:i], "") + `" | targetcli'`,
				"another line follows": strings.Join(lines[:i], "") + "delete " + w.d.IQN("pvc-1") + "\n" + strings.Join(lines[i:], ""),
			} {
				if strings.HasPrefix(lines[i], "set ") && (what == "a line is missing" || what == "a line comes twice") {
					continue // another script of the driver's, or one that changes nothing
				}
				n++
				r, err := w.Exec(cut, true)
				must(t, err)
				if r.Code != 1 || !strings.HasPrefix(r.Stdout, "waddled refused this: ") {
					t.Errorf("line %d: %s: %+v", i+1, what, r)
				}
			}
		}
	}
	if after := w.state(); after != before {
		t.Fatalf("changed:\n%s\nwas\n%s", after, before)
	}
	t.Logf("%d scripts refused", n)
}
