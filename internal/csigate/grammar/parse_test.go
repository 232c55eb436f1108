package grammar_test

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/waddle-social/waddle/internal/csigate/csigatetest"
	"github.com/waddle-social/waddle/internal/csigate/grammar"
)

var update = flag.Bool("update", false, "write the golden file")

var driver = csigatetest.Driver{
	V: "rpool/k8s-csi/v", S: "rpool/k8s-csi/s", Base: "iqn.2026-01.social.waddle:csi", Portal: "10.10.0.1:3260", Instance: "waddle-social",
	Group: []string{"authentication=1", "generate_node_acls=1"}, Auth: []string{"userid=foo", "password=bar.baz_1-2"}, Block: []string{"emulate_tpu=1"},
}

func layout(t testing.TB) grammar.Layout {
	t.Helper()
	l, err := grammar.NewLayout("rpool/k8s-csi")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestEveryCommandShapeIsUnderstood compares the typed commands with a golden
// file, where a reader sees what each string was taken for.
func TestEveryCommandShapeIsUnderstood(t *testing.T) {
	l := layout(t)
	var got strings.Builder
	for _, row := range driver.Transcript() {
		c, err := grammar.Parse(l, row.Command)
		if err != nil {
			t.Fatalf("%s\n$ %s\n%v", row.Name, row.Command, err)
		}
		if c.Render(l) != row.Command {
			t.Fatalf("%q became %q", row.Command, c.Render(l))
		}
		fmt.Fprintf(&got, "%s: %s %s\n\t%+v\n", row.Name, c.Op(), c.On(l), c)
	}
	const golden = "testdata/commands.golden.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Fatalf("differs from %s; look at it and run with -update:\n%s", golden, got.String())
	}
	if strings.Contains(got.String(), "bar.baz") {
		t.Fatal("a CHAP password prints itself")
	}
}

// commands generates typed commands.
var commands = rapid.Custom(func(t *rapid.T) grammar.Command {
	id := rapid.StringMatching(`[A-Za-z0-9][A-Za-z0-9_-]{0,20}`)
	name := rapid.StringMatching(`[A-Za-z0-9][A-Za-z0-9_.:-]{0,20}`)
	volume := func() grammar.Object { return grammar.Object{Path: []string{id.Draw(t, "id")}} }
	of := func(o grammar.Object) grammar.Object { o.Snapshot = name.Draw(t, "snapshot"); return o }
	detached := func() grammar.Object {
		return grammar.Object{Tree: grammar.Detached, Path: []string{id.Draw(t, "id"), name.Draw(t, "name")}}
	}
	value := rapid.StringMatching("[ -~äé€]{0,40}")
	properties := func(least int) []grammar.Property {
		return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) grammar.Property {
			return grammar.Property{Name: rapid.SampledFrom([]string{"volsize", "democratic-csi:csi_volume_name", "a.b:c-d"}).Draw(t, "name"), Value: value.Draw(t, "value")}
		}), least, 4).Draw(t, "properties")
	}
	if properties := properties(0); rapid.Bool().Draw(t, "script") {
		iqn, asset := "iqn.2026-01.social.waddle:"+strings.ToLower(id.Draw(t, "iqn")), strings.ToLower(id.Draw(t, "asset"))
		if len(properties) == 0 {
			return grammar.DeleteTarget{IQN: iqn, Asset: asset}
		}
		c := grammar.CreateTarget{IQN: iqn, Asset: asset, Volume: volume()}
		for range properties {
			c.Attributes = append(c.Attributes, grammar.Attribute{Name: "authentication", Value: "1"})
			c.Block = append(c.Block, grammar.Attribute{Name: "emulate_tpu", Value: fmt.Sprint(rapid.Uint16().Draw(t, "n"))})
			c.Auth = append(c.Auth, grammar.Auth{Name: "mutual_password", Value: rapid.StringMatching(`[A-Za-z0-9._-]{1,30}`).Draw(t, "secret")})
		}
		return c
	}
	switch rapid.IntRange(0, 8).Draw(t, "kind") {
	case 0:
		return grammar.Get{Type: rapid.SampledFrom([]string{"", "snapshot", "volume"}).Draw(t, "type"), Properties: []string{"volsize", "a:b"}, Of: of(volume())}
	case 1:
		return grammar.List{Recursive: rapid.Bool().Draw(t, "r"), Type: "volume", Columns: []string{"name"}, Of: detached()}
	case 2:
		return grammar.CreateVolume{Properties: properties(0), Size: uint64(rapid.Int64Min(1).Draw(t, "size")), Of: volume()}
	case 3:
		return grammar.Set{Properties: properties(1), Of: of(volume())}
	case 4:
		return grammar.Snapshot{Properties: properties(0), Of: of(detached())}
	case 5:
		return grammar.Clone{Properties: properties(0), From: of(volume()), To: volume()}
	case 6:
		return grammar.Copy{From: of(volume()), To: detached()}
	case 7:
		return grammar.Destroy{Recursive: true, Force: true, Defer: true, Of: of(volume())}
	}
	return grammar.Destroy{Recursive: true, Force: true, Of: detached()}
})

func TestWhatIsRenderedIsParsedToTheSame(t *testing.T) {
	l := layout(t)
	rapid.Check(t, func(t *rapid.T) {
		c := commands.Draw(t, "command")
		got, err := grammar.Parse(l, c.Render(l))
		if err != nil {
			t.Fatalf("%q: %v", c.Render(l), err)
		}
		if got.Render(l) != c.Render(l) || !reflect.DeepEqual(normal(got), normal(c)) {
			t.Fatalf("%+v became %+v", c, got)
		}
	})
}

// normal makes nil and empty lists the same.
func normal(c grammar.Command) string {
	return strings.ReplaceAll(fmt.Sprintf("%T %+v", c, c), "[]", "")
}

func TestNoTextOfOursIsTakenForZFS(t *testing.T) {
	l := layout(t)
	for _, phrase := range []string{
		"dataset does not exist", "does not exist", "dataset already exists", "could not find any snapshots to destroy", "snapshot has dependent clones",
		"filesystem has children", "dataset is busy", "target is busy", "destination exists", "Ran out of input",
	} {
		for _, s := range []string{phrase, strings.ReplaceAll(phrase, " ", "-") + ";exists", "/sbin/zfs destroy -r -f -p rpool/k8s-csi/v/" + phrase, "/sbin/zfs set x=\"y\" " + phrase, "sh -c 'echo \"" + phrase + "\" | targetcli'"} {
			_, err := grammar.Parse(l, s)
			if !grammar.IsRefusal(err) {
				t.Fatalf("%q: %v", s, err)
			}
			if strings.Contains(err.Error(), phrase) || strings.Contains(err.Error(), "destination") && strings.Contains(err.Error(), "exists") {
				t.Errorf("%q is answered with %q", s, err)
			}
		}
	}
}

func TestALayoutIsBelowAPool(t *testing.T) {
	for _, root := range []string{"", "rpool", "/rpool/x", "rpool/", "rpool/..", "rpool/a b", "rpool/a@b", "rpool//x", "-r/x"} {
		if _, err := grammar.NewLayout(root); err == nil {
			t.Errorf("%q was taken", root)
		}
	}
}

func TestPasswordsAreNotKept(t *testing.T) {
	for _, s := range []string{
		driver.CreateTarget("pvc-1"),
		driver.CreateTarget("pvc-1")[:len(driver.CreateTarget("pvc-1"))/2],
		"set auth PASSWORD = bar.baz_1-2 and more", "mutual_password=bar.baz_1-2", "x passphrase=bar.baz_1-2\ny", "passwd=bar.baz_1-2",
	} {
		if got := grammar.Redact(s); strings.Contains(got, "bar.baz") {
			t.Errorf("%q", got)
		}
	}
	_, err := grammar.Parse(layout(t), strings.Replace(driver.CreateTarget("pvc-1"), "set auth userid=foo\n", "", 1)+"x")
	if err == nil || strings.Contains(err.Error(), "bar.baz") {
		t.Fatal(err)
	}
	for name, s := range map[string]string{
		"a space too many": strings.Replace(driver.CreateTarget("pvc-1"), "set auth password=", "set  auth password=", 1),
		"as an attribute":  strings.Replace(driver.CreateTarget("pvc-1"), "set auth password=", "set attribute password=", 1),
		"after the end":    strings.Replace(driver.CreateTarget("pvc-1"), `" | targetcli'`, "\nset auth password=bar.baz_1-2\" | targetcli'", 1),
	} {
		if _, err := grammar.Parse(layout(t), s); err == nil || strings.Contains(err.Error(), "bar.baz") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzParse looks for a string that is taken for another one.
func FuzzParse(f *testing.F) {
	for _, row := range driver.Transcript() {
		f.Add(row.Command)
	}
	l := layout(f)
	f.Fuzz(func(t *testing.T, s string) {
		c, err := grammar.Parse(l, s)
		if err != nil {
			if !grammar.IsRefusal(err) || len(err.Error()) > 1000 {
				t.Fatal(err)
			}
			return
		}
		if c.Render(l) != s {
			t.Fatalf("%q was taken for %q", s, c.Render(l))
		}
	})
}
