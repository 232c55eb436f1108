package images_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/waddle-social/waddle/pkg/vms/images"
	"github.com/waddle-social/waddle/pkg/vms/rest"
)

// childEnv makes this program a waddled that has one image brought, and is killed at its n-th side effect:
// N|operation|API|node|CA|token|downloads|records|CA of the web|name|URL|SHA-512.
const childEnv = "IMAGES_TEST_CHILD"

func child() int {
	a := strings.Split(os.Getenv(childEnv), "|")
	at, _ := strconv.Atoi(a[0])
	raw, err := os.ReadFile(a[8])
	if err != nil {
		fmt.Println(err)
		return 2
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(raw)
	n := 0
	cache := images.New(images.Options{
		API:  rest.New(rest.Options{URL: a[2], ServerName: a[3], CAFile: a[4], Token: rest.TokenFile(a[5]), Every: 2 * time.Millisecond}),
		Node: a[3], Storage: "local", Dir: a[6], Records: &images.File{Path: a[7]},
		HTTP: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}},
		Free: func(string) (int64, error) { return 1 << 40, nil },
		Seam: func(op string) error {
			if n++; n == at {
				fmt.Println("killed at: " + op)
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			}
			return nil
		},
	})
	if a[1] == "prune" {
		_, err = cache.Prune(background)
	} else {
		_, err = cache.Ensure(background, images.Image{Name: a[9], URL: a[10], SHA512: a[11]}, nil)
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

func TestKilledAtEverySideEffectAndRunAgain(t *testing.T) {
	w := newWorld(t)
	web := caFile(t, w.web.Server)
	hit := map[string]int{}
	kills := 0
	// run runs the child and reports where it was killed; it is empty when it came through.
	run := func(n int, what string, i images.Image) string {
		t.Helper()
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childEnv+"="+strings.Join([]string{strconv.Itoa(n), what, w.node.URL(), w.node.Node(), w.node.CAFile(), w.token,
			w.o.Dir, w.dir + "/images.json", web, i.Name, i.URL, i.SHA512}, "|"))
		out, err := cmd.Output()
		where, killed := strings.CutPrefix(strings.TrimSpace(string(out)), "killed at: ")
		if !killed && err != nil && what != "ensure may fail" {
			t.Fatalf("%s %d: %v: %s", what, n, err, out)
		}
		if !killed {
			where = ""
		}
		if killed {
			hit[where]++
			kills++
		}
		return where
	}
	for _, way := range []string{"by Proxmox", "by waddled"} {
		for n := 1; ; n++ {
			content := image(uint64(100 + n))
			name := fmt.Sprintf("%s-%d.qcow2", strings.ReplaceAll(way, " ", "-"), n)
			i := images.Image{Name: name, URL: w.web.put("/"+name, content)}
			if way == "by Proxmox" {
				i.SHA512 = sum512(content)
			}
			where := run(n, "ensure", i)
			if err := w.ensure(i); err != nil {
				t.Errorf("%s, killed at %q (%d): %v", way, where, n, err)
			}
			w.holds(i, content)
			if where == "" {
				break
			}
		}
	}
	// A run that was killed after the upload and before it was recorded, and then at each point of taking up.
	for n := 1; ; n++ {
		content := image(uint64(300 + n))
		name := fmt.Sprintf("taken-up-%d.qcow2", n)
		i := images.Image{Name: name, URL: w.web.put("/"+name, content)}
		killed := w.o
		killed.Seam = failing("record the volume", 1, errors.New("killed"))
		if _, err := images.New(killed).Ensure(t.Context(), i, nil); err == nil {
			t.Fatal("the volume was recorded")
		}
		where := run(n, "ensure", i)
		if err := w.ensure(i); err != nil {
			t.Errorf("taking up, killed at %q (%d): %v", where, n, err)
		}
		w.holds(i, content)
		if where == "" {
			break
		}
	}
	// A part of another content, which the checksum finds out.
	for n := 1; ; n++ {
		content := image(uint64(400 + n))
		name := fmt.Sprintf("rotten-%d.qcow2", n)
		i := images.Image{Name: name, URL: w.web.put("/"+name, image(uint64(500+n))), SHA512: sum512(content)}
		bad := w.o
		bad.Seam = failing("have Proxmox download", 1, errors.New("Proxmox may not"))
		bad.Tries = 1
		w.web.misbehave(fault{false, cut})
		if _, err := images.New(bad).Ensure(t.Context(), i, nil); err == nil {
			t.Fatal("half an image was taken")
		}
		where := run(n, "ensure may fail", i)
		w.web.put("/"+name, content)
		if err := w.ensure(i); err != nil {
			t.Errorf("a rotten part, killed at %q (%d): %v", where, n, err)
		}
		w.holds(i, content)
		if where == "" {
			break
		}
	}
	for n := 1; ; n++ {
		before := len(w.imported())
		where := run(n, "prune", images.Image{})
		if _, err := images.New(w.o).Prune(t.Context()); err != nil {
			t.Errorf("prune, killed at %q: %v", where, err)
		}
		if left := w.imported(); len(left) != 0 {
			t.Errorf("prune, killed at %q: %d of %d files are left", where, len(left), before)
		}
		all, err := w.o.Records.All()
		for _, r := range all {
			if r.Stage != images.Known {
				t.Errorf("prune, killed at %q: %+v", where, r)
			}
		}
		if err != nil {
			t.Error(err)
		}
		if where == "" {
			break
		}
		for k := range 2 {
			name := fmt.Sprintf("again-%d.qcow2", k)
			if err := w.ensure(images.Image{Name: name, URL: w.web.put("/"+name, image(uint64(k)))}); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("%d kills at %d of the %d side effects", kills, len(hit), len(images.Operations()))
	for _, op := range images.Operations() {
		if hit[op] == 0 {
			t.Errorf("no run was killed at %q", op)
		}
	}
}
