package zfs

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const rootName = "rpool/k8s-csi"

func testRoot(t interface{ Fatal(...any) }) Root {
	r, err := ParseRoot(rootName)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRootIsADatasetBelowAPool(t *testing.T) {
	for name, s := range map[string]string{
		"a whole pool holds the operating system": "rpool",
		"empty":                 "",
		"absolute":              "/rpool/k8s-csi",
		"trailing slash":        "rpool/k8s-csi/",
		"climbs":                "rpool/../k8s-csi",
		"a snapshot":            "rpool/k8s-csi@a",
		"too long":              "rpool/" + strings.Repeat("a", 300),
		"starts with an option": "-rpool/k8s-csi",
	} {
		if r, err := ParseRoot(s); err == nil {
			t.Errorf("%s: %q became %v", name, s, r)
		}
	}
}

func TestBadNamesAreRefused(t *testing.T) {
	r := testRoot(t)
	for name, s := range map[string]string{
		"empty":                          "",
		"outside the root":               "rpool/data/vm-100",
		"the pool":                       "rpool",
		"a sibling with the same prefix": "rpool/k8s-csi2/v",
		"climbs out":                     "rpool/k8s-csi/../ROOT",
		"a dot component":                "rpool/k8s-csi/./v",
		"an empty component":             "rpool/k8s-csi//v",
		"a trailing slash":               "rpool/k8s-csi/v/",
		"a snapshot":                     "rpool/k8s-csi/v@s",
		"all snapshots":                  "rpool/k8s-csi/v@%",
		"a bookmark":                     "rpool/k8s-csi/v#b",
		"a percent sign":                 "rpool/k8s-csi/%recv",
		"a list":                         "rpool/k8s-csi/v/a,b",
		"a space":                        "rpool/k8s-csi/v/a b",
		"a shell's command":              "rpool/k8s-csi/v/a;reboot",
		"a newline":                      "rpool/k8s-csi/v/a\nb",
		"a NUL":                          "rpool/k8s-csi/v/a\x00b",
		"unicode that looks like ASCII":  "rpool/k8s-csi/v/pvс-1",
		"an option":                      "rpool/k8s-csi/v/-r",
		"hidden":                         "rpool/k8s-csi/v/.zfs",
		"ten thousand characters":        "rpool/k8s-csi/" + strings.Repeat("a", 10000),
		"a component of 129 characters":  "rpool/k8s-csi/" + strings.Repeat("a", 129),
		"a full name of 256 characters":  "rpool/k8s-csi/" + strings.Repeat("a", 128) + "/" + strings.Repeat("b", 256-14-129),
		"a hundred levels":               "rpool/k8s-csi" + strings.Repeat("/a", 100),
		"absolute":                       "/rpool/k8s-csi/v",
	} {
		if n, err := r.Name(s); err == nil {
			t.Errorf("%s: %q became %v", name, s, n)
		}
		if v, err := r.Volume(s); err == nil {
			t.Errorf("%s: %q became volume %v", name, s, v)
		}
	}
	if v, err := r.Volume(rootName); err == nil {
		t.Errorf("the root itself became volume %v", v)
	}
}

func TestGoodNames(t *testing.T) {
	r := testRoot(t)
	longest := rootName + "/" + strings.Repeat("a", 128) + "/" + strings.Repeat("b", 255-14-129)
	for _, s := range []string{rootName, rootName + "/v", rootName + "/v/pvc-0a1b", rootName + "/s/pvc/snap-1.2:3_4", longest} {
		n, err := r.Name(s)
		if err != nil || n.String() != s {
			t.Errorf("%q: got %q, %v", s, n, err)
		}
	}
	n, err := r.Dataset().Child("v", "pvc-1")
	if err != nil || n.String() != rootName+"/v/pvc-1" || n.Relative() != "v/pvc-1" || n.Base() != "pvc-1" || n.Parent().String() != rootName+"/v" {
		t.Errorf("%v, %v", n, err)
	}
	if _, err := r.Dataset().Child("v/../.."); err == nil {
		t.Error("a component with slashes was taken")
	}
}

func TestBadSnapshotsAreRefused(t *testing.T) {
	r := testRoot(t)
	for _, s := range []string{"", rootName, rootName + "@", "@a", "rpool@a", "rpool/data@a", rootName + "@a@b", rootName + "@%", rootName + "@a,b", rootName + "@a%b",
		rootName + "@a b", rootName + "@-r", rootName + "@..", rootName + "/../x@a", rootName + "@" + strings.Repeat("a", 129), rootName + "@a\n", rootName + "@a/b"} {
		if got, err := r.Snapshot(s); err == nil {
			t.Errorf("%q became %v", s, got)
		}
	}
}

// contained is the rule itself, written a second time and in another way.
func contained(s string) bool {
	if len(s) > 255 || (s != rootName && !strings.HasPrefix(s, rootName+"/") && !strings.HasPrefix(s, rootName+"@")) {
		return false
	}
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return r == '/' || r == '@' }) {
		if part == "." || part == ".." || part[0] == '-' {
			return false
		}
	}
	return !strings.ContainsAny(s, "%,#;&|$`'\"\\<>(){}[]*?!~^= \t\r\n\x00") && strings.Count(s, "@") <= 1
}

func TestNoTextYieldsANameOutsideTheRoot(t *testing.T) {
	r := testRoot(t)
	part := rapid.SampledFrom([]string{"rpool", "k8s-csi", "v", "s", "..", ".", "", "@", "%", ",", "-r", " ", "\x00", "\n", "é", "a", "pvc-1", "#", "k8s-csi2"})
	text := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOfN(part, 0, 8), func(p []string) string { return strings.Join(p, "/") }),
		rapid.Map(rapid.SliceOfN(part, 0, 4), func(p []string) string { return rootName + "/" + strings.Join(p, "/") }),
		rapid.Map(rapid.String(), func(s string) string { return rootName + "/" + s }))
	rapid.Check(t, func(rt *rapid.T) {
		s := text.Draw(rt, "text")
		checkContained(rt, r, s)
		if n, err := r.Dataset().Child(s); err == nil && !contained(n.String()) {
			rt.Fatalf("child %q became %q", s, n)
		}
		if n, err := r.Dataset().Snapshot(s); err == nil && !contained(n.String()) {
			rt.Fatalf("snapshot %q became %q", s, n)
		}
	})
}

func checkContained(t interface{ Fatalf(string, ...any) }, r Root, s string) {
	if n, err := r.Name(s); err == nil && (n.String() != s || !contained(s)) {
		t.Fatalf("%q became name %q", s, n)
	}
	if n, err := r.Volume(s); err == nil && (n.String() != s || !contained(s) || s == rootName) {
		t.Fatalf("%q became volume %q", s, n)
	}
	if n, err := r.Snapshot(s); err == nil && (n.String() != s || !contained(s)) {
		t.Fatalf("%q became snapshot %q", s, n)
	}
}

func FuzzNames(f *testing.F) {
	for _, s := range []string{rootName, rootName + "/v/pvc-1", rootName + "/v/pvc-1@daily", "rpool", "rpool/k8s-csi/../ROOT", rootName + "/v@%", "a b; reboot #", rootName + "/v/a\x00", "-r"} {
		f.Add(s)
	}
	r := testRoot(f)
	f.Fuzz(func(t *testing.T, s string) { checkContained(t, r, s) })
}

func FuzzProperties(f *testing.F) {
	f.Add("volsize", "1024")
	f.Add("mountpoint", "/etc")
	f.Add("democratic-csi:x", "a\nb")
	f.Add("-o", "exec=on")
	f.Fuzz(func(t *testing.T, name, value string) {
		p, err := NewProperty(name, value)
		if err != nil {
			return
		}
		if strings.ContainsAny(name, "= ,@/\t\n\x00") || name[0] == '-' || strings.ContainsAny(value, "\t\n\x00") {
			t.Fatalf("%q=%q was taken", name, value)
		}
		if name == "mountpoint" && value != "none" || strings.HasPrefix(name, "share") || strings.HasPrefix(name, "key") {
			t.Fatalf("%q=%q reaches outside the dataset", name, value)
		}
		if p.arg() != name+"="+value {
			t.Fatalf("%q", p.arg())
		}
	})
}
