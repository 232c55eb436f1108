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
	"sync"
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

// killer kills children in one world, and counts where.
type killer struct {
	*world
	web string // its CA
	hit map[string]int
}

func newKiller(t *testing.T, hit map[string]int) *killer {
	w := newWorld(t)
	return &killer{w, caFile(t, w.web.Server), hit}
}

var hits sync.Mutex

// run runs the child and reports where it was killed; it is empty when it came through.
func (k *killer) run(n int, what string, i images.Image) string {
	k.t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+strings.Join([]string{strconv.Itoa(n), what, k.node.URL(), k.node.Node(), k.node.CAFile(), k.token,
		k.o.Dir, k.dir + "/images.json", k.web, i.Name, i.URL, i.SHA512}, "|"))
	out, err := cmd.Output()
	where, killed := strings.CutPrefix(strings.TrimSpace(string(out)), "killed at: ")
	if !killed && err != nil && what != "ensure may fail" {
		k.t.Fatalf("%s %d: %v: %s", what, n, err, out)
	}
	if !killed {
		return ""
	}
	hits.Lock()
	defer hits.Unlock()
	k.hit[where]++
	return where
}

// recovered has the image after the n-th kill, and tells whether there was one.
func (k *killer) recovered(n int, where string, i images.Image, content []byte) bool {
	k.t.Helper()
	if err := k.ensure(i); err != nil {
		k.t.Errorf("killed at %q (%d): %v", where, n, err)
	}
	k.holds(i, content)
	return where != ""
}

func TestKilledAtEverySideEffectAndRunAgain(t *testing.T) {
	hit := map[string]int{}
	t.Run("each way", func(t *testing.T) {
		for _, way := range []string{"by Proxmox", "by waddled"} {
			t.Run(way, func(t *testing.T) {
				t.Parallel()
				k := newKiller(t, hit)
				for n, again := 1, true; again; n++ {
					content := image(uint64(100 + n))
					name := fmt.Sprintf("%d.qcow2", n)
					i := images.Image{Name: name, URL: k.world.web.put("/"+name, content)}
					if way == "by Proxmox" {
						i.SHA512 = sum512(content)
					}
					again = k.recovered(n, k.run(n, "ensure", i), i, content)
				}
			})
		}
		// A run that was killed after the upload and before it was recorded, and then at each point of taking up.
		t.Run("taking up", func(t *testing.T) {
			t.Parallel()
			k := newKiller(t, hit)
			for n, again := 1, true; again; n++ {
				content := image(uint64(300 + n))
				name := fmt.Sprintf("taken-up-%d.qcow2", n)
				i := images.Image{Name: name, URL: k.world.web.put("/"+name, content)}
				killed := k.o
				killed.Seam = failing("record the volume", 1, errors.New("killed"))
				if _, err := images.New(killed).Ensure(t.Context(), i, nil); err == nil {
					t.Fatal("the volume was recorded")
				}
				again = k.recovered(n, k.run(n, "ensure", i), i, content)
			}
		})
		// A part of another content, which the checksum finds out.
		t.Run("a rotten part", func(t *testing.T) {
			t.Parallel()
			k := newKiller(t, hit)
			for n, again := 1, true; again; n++ {
				content := image(uint64(400 + n))
				name := fmt.Sprintf("rotten-%d.qcow2", n)
				i := images.Image{Name: name, URL: k.world.web.put("/"+name, image(uint64(500+n))), SHA512: sum512(content)}
				bad := k.o
				bad.Seam = failing("have Proxmox download", 1, errors.New("Proxmox may not"))
				bad.Tries = 1
				k.world.web.misbehave(fault{false, cut})
				if _, err := images.New(bad).Ensure(t.Context(), i, nil); err == nil {
					t.Fatal("half an image was taken")
				}
				where := k.run(n, "ensure may fail", i)
				k.world.web.put("/"+name, content)
				again = k.recovered(n, where, i, content)
			}
		})
		t.Run("prune", func(t *testing.T) {
			t.Parallel()
			k := newKiller(t, hit)
			for n, again := 1, true; again; n++ {
				for j := range 2 {
					name := fmt.Sprintf("again-%d.qcow2", j)
					if err := k.ensure(images.Image{Name: name, URL: k.world.web.put("/"+name, image(uint64(j)))}); err != nil {
						t.Fatal(err)
					}
				}
				again = k.pruned(n)
			}
		})
	})
	kills := 0
	for _, n := range hit {
		kills += n
	}
	t.Logf("%d kills at %d of the %d side effects", kills, len(hit), len(images.Operations()))
	for _, op := range images.Operations() {
		if hit[op] == 0 {
			t.Errorf("no run was killed at %q", op)
		}
	}
}

// pruned kills a prune at its n-th side effect and prunes again; it tells whether it was killed.
func (k *killer) pruned(n int) bool {
	k.t.Helper()
	where := k.run(n, "prune", images.Image{})
	if _, err := images.New(k.o).Prune(k.t.Context()); err != nil {
		k.t.Errorf("prune, killed at %q: %v", where, err)
	}
	if left := k.files(k.stored()); len(left) != 0 {
		k.t.Errorf("prune, killed at %q: %v are left", where, left)
	}
	all, err := k.o.Records.All()
	for _, r := range all {
		if r.Stage != images.Known {
			k.t.Errorf("prune, killed at %q: %+v", where, r)
		}
	}
	if err != nil {
		k.t.Error(err)
	}
	return where != ""
}
