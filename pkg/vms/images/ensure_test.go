package images_test

import (
	"errors"
	"io"
	"log"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/waddle-social/waddle/pkg/vms/images"
)

var quiet = log.New(io.Discard, "", 0)

func TestAnImageWithAChecksumIsFetchedByProxmox(t *testing.T) {
	w := newWorld(t)
	content := image(1)
	i, err := images.Debian(w.web.put("/trixie/20260101-1/debian-13-genericcloud-amd64-20260101-1.qcow2", content), sum512(content))
	if err != nil {
		t.Fatal(err)
	}
	var told []images.Progress
	use, err := images.New(w.o).Ensure(t.Context(), i, func(p images.Progress) { told = append(told, p) })
	if err != nil {
		t.Fatal(err)
	}
	use.Release()
	if use.ID != "local:import/debian-13-genericcloud-amd64-20260101-1.qcow2" {
		t.Error(use.ID)
	}
	w.holds(i, content)
	if last := told[len(told)-1]; last.By != "Proxmox" || last.Done != int64(len(content)) || last.Total != last.Done {
		t.Errorf("the last word on progress is %+v", last)
	}
	before := len(w.web.asked())
	if err := w.ensure(i); err != nil {
		t.Fatal(err)
	}
	if after := len(w.web.asked()); after != before {
		t.Errorf("an image that is there was asked for %d times", after-before)
	}
}

func TestTheFirstDownloadOfATalosImageIsWhatAllLaterOnesMustBe(t *testing.T) {
	w := newWorld(t)
	content := image(2)
	schematic := images.Schematic{Extensions: []string{"siderolabs/qemu-guest-agent", "siderolabs/iscsi-tools"}}
	i, err := images.Talos(w.web.URL, schematic.ID(), "v1.12.4")
	if err != nil {
		t.Fatal(err)
	}
	path := strings.TrimPrefix(i.URL, w.web.URL)
	w.web.put(path, content)
	var last images.Progress
	use, err := images.New(w.o).Ensure(t.Context(), i, func(p images.Progress) { last = p })
	if err != nil {
		t.Fatal(err)
	}
	use.Release()
	w.holds(i, content)
	if last.By != "waddled" || last.Done != int64(len(content)) || last.Total != int64(len(content)) || last.Rate <= 0 {
		t.Errorf("the last word on progress is %+v", last)
	}
	if all, _ := w.o.Records.All(); all[i.Name].SHA256 != sum256(content) {
		t.Errorf("recorded: %+v", all[i.Name])
	}

	cache := images.New(w.o)
	if removed, err := cache.Prune(t.Context()); err != nil || len(removed) != 1 {
		t.Fatalf("pruned %v: %v", removed, err)
	}
	w.web.put(path, image(3))
	err = w.ensure(i)
	if err == nil || !strings.Contains(err.Error(), "its SHA-256 is "+sum256(image(3))[:16]) || !strings.Contains(err.Error(), "that of its first download") {
		t.Fatalf("another image was taken: %v", err)
	}
	if got := w.imported(); len(got) != 0 {
		t.Errorf("the storage holds %d files", len(got))
	}
	w.web.put(path, content)
	if err := w.ensure(i); err != nil {
		t.Fatal(err)
	}
	w.holds(i, content)

	if err := cache.Forget(t.Context(), i.Name); err != nil {
		t.Fatal(err)
	}
	w.web.put(path, image(3))
	if err := w.ensure(i); err != nil {
		t.Fatalf("a forgotten checksum still counts: %v", err)
	}
	w.holds(i, image(3))
}

func TestTwoWhoWantTheSameImageWaitForOneDownload(t *testing.T) {
	w := newWorld(t)
	content := image(4)
	i := images.Image{Name: "one.qcow2", URL: w.web.put("/one.qcow2", content)}
	cache := images.New(w.o)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			use, err := cache.Ensure(t.Context(), i, nil)
			if err != nil {
				t.Error(err)
				return
			}
			use.Release()
			use.Release()
		})
	}
	all.Wait()
	w.holds(i, content)
	if asked := w.web.asked(); len(asked) != 1 {
		t.Errorf("asked: %v", asked)
	}
}

func TestPruneLeavesWhatIsUsedKeptOrSomebodyElses(t *testing.T) {
	w := newWorld(t)
	var list []images.Image
	for n, name := range []string{"free.qcow2", "kept.qcow2", "used.qcow2"} {
		i := images.Image{Name: name, URL: w.web.put("/"+name, image(uint64(10+n)))}
		if err := w.ensure(i); err != nil {
			t.Fatal(err)
		}
		list = append(list, i)
	}
	w.strange("strange.qcow2", image(20))
	cache := images.New(w.o)
	use, err := cache.Ensure(t.Context(), list[2], nil)
	if err != nil {
		t.Fatal(err)
	}
	seen, err := cache.List(t.Context())
	if err != nil || len(seen) != 4 || seen[2].Name != "strange.qcow2" || seen[2].Ours || !seen[3].Used || seen[0].Used {
		t.Errorf("listed: %+v %v", seen, err)
	}
	removed, err := cache.Prune(t.Context(), "kept.qcow2")
	if err != nil || len(removed) != 1 || removed[0].Name != "free.qcow2" {
		t.Errorf("pruned %+v: %v", removed, err)
	}
	if got := w.imported(); len(got) != 3 {
		t.Errorf("%d files are left", len(got))
	}
	use.Release()
	if removed, err := cache.Prune(t.Context(), "kept.qcow2"); err != nil || len(removed) != 1 || removed[0].Name != "used.qcow2" {
		t.Errorf("pruned %+v: %v", removed, err)
	}
}

func TestAFileOfThatNameThatSomebodyElsePutThere(t *testing.T) {
	t.Run("is taken when it is the image", func(t *testing.T) {
		w := newWorld(t)
		content := image(5)
		w.strange("pinned.qcow2", content)
		i := images.Image{Name: "pinned.qcow2", URL: w.web.put("/pinned.qcow2", content), SHA512: sum512(content)}
		if err := w.ensure(i); err != nil {
			t.Fatal(err)
		}
		if asked := w.web.asked(); len(asked) != 0 {
			t.Errorf("asked: %v", asked)
		}
		w.holds(i, content)
	})
	t.Run("is refused and kept when there is a download of our own to go on with", func(t *testing.T) {
		w := newWorld(t)
		i := images.Image{Name: "pinned.qcow2", URL: w.web.put("/pinned.qcow2", image(5)), SHA512: sum512(image(5))}
		begun := w.o
		begun.Seam = failing("have Proxmox download", 1, errors.New("Proxmox may not"))
		begun.Tries = 1
		w.web.misbehave(fault{false, cut})
		if _, err := images.New(begun).Ensure(t.Context(), i, nil); err == nil {
			t.Fatal("half an image was taken")
		}
		w.strange("pinned.qcow2", image(6))
		if err := w.ensure(i); err == nil || !strings.Contains(err.Error(), "pvesm free local:import/pinned.qcow2") {
			t.Errorf("%v", err)
		}
		if got := w.imported(); string(got["pinned.qcow2"]) != string(image(6)) {
			t.Error("the file was changed")
		}
	})
	for name, sha512 := range map[string]string{"is refused and kept when it is another one": sum512(image(5)), "is refused and kept when nobody can tell": ""} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.strange("pinned.qcow2", image(6))
			i := images.Image{Name: "pinned.qcow2", URL: w.web.put("/pinned.qcow2", image(5)), SHA512: sha512}
			err := w.ensure(i)
			if err == nil || !strings.Contains(err.Error(), "pvesm free local:import/pinned.qcow2") {
				t.Fatalf("%v", err)
			}
			if got := w.imported(); string(got["pinned.qcow2"]) != string(image(6)) {
				t.Error("the file was changed")
			}
			if removed, err := images.New(w.o).Prune(t.Context()); err != nil || len(removed) != 0 {
				t.Errorf("pruned %v: %v", removed, err)
			}
		})
	}
}

func TestTheFactoryMustUnderstandTheSchematicAsWeDo(t *testing.T) {
	schematic := images.Schematic{Extensions: []string{"siderolabs/qemu-guest-agent", "siderolabs/iscsi-tools", "siderolabs/iscsi-tools"}}
	const id = "dc7b152cb3ea99b821fcb7340ce7168313ce393d663740b791c36f6e95fc8586" // what factory.talos.dev says
	if got := schematic.ID(); got != id {
		t.Fatalf("the id is %s", got)
	}
	if got := (images.Schematic{}).ID(); got != "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba" {
		t.Fatalf("the id without extensions is %s", got)
	}
	for name, x := range map[string]struct {
		status int
		body   string
		says   string
	}{
		"it does":                 {201, `{"id": "` + id + `"}`, ""},
		"it means something else": {201, `{"id": "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba"}`, "understands something else"},
		"it knows no such thing":  {400, "official extension siderolabs/x not found", "400 Bad Request: official extension siderolabs/x not found"},
		"it answers nonsense":     {201, "<html>", "no JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			web := serveWeb(t)
			web.misbehave(fault{true, func(rw http.ResponseWriter, r *http.Request, _ []byte) bool {
				raw, _ := io.ReadAll(r.Body)
				if r.Method != "POST" || r.URL.Path != "/schematics" || strings.Count(string(raw), "- siderolabs/") != 2 {
					t.Errorf("asked: %s %s %s", r.Method, r.URL.Path, raw)
				}
				rw.WriteHeader(x.status)
				_, _ = io.WriteString(rw, x.body)
				return true
			}})
			got, err := images.Factory{URL: web.URL + "/", HTTP: web.Client()}.Register(t.Context(), schematic)
			if x.says == "" && (err != nil || got != id) || x.says != "" && (err == nil || !strings.Contains(err.Error(), x.says)) {
				t.Errorf("%q %v", got, err)
			}
		})
	}
}

func TestWhatIsNoImageIsRefusedBeforeAnythingIsAsked(t *testing.T) {
	sum := sum512(nil)
	for name, x := range map[string]struct{ url, sha512, says string }{
		"moving":         {"https://cloud.debian.org/images/cloud/trixie/latest/debian-13-genericcloud-amd64.qcow2", sum, "latest is another image"},
		"no checksum":    {"https://example.org/a.qcow2", "", "its SHA-512 is not given"},
		"short checksum": {"https://example.org/a.qcow2", "abc", "no SHA-512 checksum"},
		"plain http":     {"http://example.org/a.qcow2", sum, "is no https address"},
		"not qcow2":      {"https://example.org/a.raw.xz", sum, "Proxmox imports no file named"},
		"a hidden name":  {"https://example.org/.qcow2", sum, "Proxmox imports no file named"},
	} {
		if _, err := images.Debian(x.url, x.sha512); err == nil || !strings.Contains(err.Error(), x.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := images.Talos("https://factory.talos.dev", "../x", "v1.12.4"); err == nil {
		t.Error("a schematic of no id was taken")
	}
}
