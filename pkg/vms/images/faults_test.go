package images_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/waddle-social/waddle/internal/lab/pve"
	"github.com/waddle-social/waddle/pkg/vms/images"
)

// cell is one thing that goes wrong. says is part of the error, or empty when the run ends well all the same.
type cell struct {
	name   string
	pinned bool // the image has a published checksum, so that Proxmox is asked first
	wrong  func(w *world, i *images.Image)
	says   string
	right  func(w *world, i *images.Image) // what the operator does about it; by default nothing is wrong any more
}

func always(do func(http.ResponseWriter, *http.Request, []byte) bool) func(*world, *images.Image) {
	return func(w *world, _ *images.Image) { w.web.misbehave(fault{true, do}) }
}

func once(do func(http.ResponseWriter, *http.Request, []byte) bool) func(*world, *images.Image) {
	return func(w *world, _ *images.Image) { w.web.misbehave(fault{false, do}) }
}

func status(code int, kind, body string) func(http.ResponseWriter, *http.Request, []byte) bool {
	return func(rw http.ResponseWriter, _ *http.Request, _ []byte) bool {
		rw.Header().Set("Content-Type", kind)
		rw.WriteHeader(code)
		_, _ = io.WriteString(rw, body)
		return true
	}
}

// cut sends the first half of what was asked for and hangs up.
func cut(rw http.ResponseWriter, r *http.Request, content []byte) bool {
	plain(&halfway{ResponseWriter: rw, left: len(content) / 2}, r, content)
	panic(http.ErrAbortHandler)
}

// drip sends a thousand bytes and hangs up.
func drip(rw http.ResponseWriter, r *http.Request, content []byte) bool {
	plain(&halfway{ResponseWriter: rw, left: 1000}, r, content)
	panic(http.ErrAbortHandler)
}

// dripStall sends a thousand bytes and then nothing.
func dripStall(rw http.ResponseWriter, r *http.Request, content []byte) bool {
	plain(&halfway{ResponseWriter: rw, left: 1000}, r, content)
	<-r.Context().Done()
	return true
}

type halfway struct {
	http.ResponseWriter
	left int
}

func (h *halfway) Write(b []byte) (int, error) {
	if len(b) > h.left {
		_, _ = h.ResponseWriter.Write(b[:h.left])
		h.left = 0
		h.ResponseWriter.(http.Flusher).Flush()
		return 0, errors.New("cut")
	}
	h.left -= len(b)
	return h.ResponseWriter.Write(b)
}

// stall sends the first half and then nothing.
func stall(rw http.ResponseWriter, r *http.Request, content []byte) bool {
	plain(&halfway{ResponseWriter: rw, left: len(content) / 2}, r, content)
	<-r.Context().Done()
	return true
}

func silent(_ http.ResponseWriter, r *http.Request, _ []byte) bool {
	<-r.Context().Done()
	panic(http.ErrAbortHandler) // or the end of the handler would be an empty answer
}

// unresumable serves without anything that a part could be recognised by, and the first time half.
func unresumable(rw http.ResponseWriter, _ *http.Request, content []byte) bool {
	rw.Header().Set("Content-Type", "application/octet-stream")
	rw.Header().Set("Content-Length", fmt.Sprint(len(content)))
	_, _ = rw.Write(content)
	return true
}

// deaf has a validator and ignores Range.
func deaf(rw http.ResponseWriter, _ *http.Request, content []byte) bool {
	rw.Header().Set("ETag", `"x"`)
	return unresumable(rw, nil, content)
}

// shifted answers another part than was asked for.
func shifted(rw http.ResponseWriter, r *http.Request, content []byte) bool {
	if r.Header.Get("Range") == "" {
		return false
	}
	rw.Header().Set("Content-Range", fmt.Sprintf("bytes 1-%d/%d", len(content)-1, len(content)))
	rw.WriteHeader(http.StatusPartialContent)
	_, _ = rw.Write(content[1:])
	return true
}

// chunked announces no length.
func chunked(rw http.ResponseWriter, _ *http.Request, content []byte) bool {
	rw.(http.Flusher).Flush()
	_, _ = rw.Write(content)
	return true
}

func inject(f pve.Fault) func(*world, *images.Image) {
	return func(w *world, _ *images.Image) {
		if _, err := w.node.Inject(f); err != nil {
			w.t.Fatal(err)
		}
	}
}

func both(a, b func(*world, *images.Image)) func(*world, *images.Image) {
	return func(w *world, i *images.Image) { a(w, i); b(w, i) }
}

func without(privilege string) func(*world, *images.Image) {
	return func(w *world, _ *images.Image) {
		var rest []images.Privilege
		for _, p := range images.Privileges() {
			if p.Name != privilege {
				rest = append(rest, p)
			}
		}
		w.writeToken(w.grant(rest))
	}
}

// soonStalled has little patience with a server that falls silent.
func soonStalled(wrong func(*world, *images.Image)) func(*world, *images.Image) {
	return func(w *world, i *images.Image) { w.o.Stall = 300 * time.Millisecond; wrong(w, i) }
}

var cells = []cell{
	{name: "the server hangs up once", wrong: once(cut)},
	{name: "the server hangs up always", wrong: always(drip), says: "the server hung up before the end"},
	{name: "the server falls silent once", wrong: soonStalled(once(stall))},
	{name: "the server falls silent always", wrong: soonStalled(always(dripStall)), says: "the server has sent nothing for 300ms"},
	{name: "the server never answers", wrong: func(w *world, i *images.Image) { w.o.First = 200 * time.Millisecond; always(silent)(w, i) }, says: "the server has sent nothing for 200ms"},
	{name: "the server is overloaded once", wrong: once(status(503, "text/plain", "busy"))},
	{name: "the server is overloaded always", wrong: always(status(503, "text/plain", "busy")), says: "the server answers 503 Service Unavailable"},
	{name: "there is no such image", wrong: always(status(404, "text/plain", "gone")), says: "the server answers 404: there is no such image"},
	{name: "the checksum is for customers", wrong: always(status(402, "text/plain", "pay")), says: "the server answers 402 Payment Required"},
	{name: "a login page answers", wrong: always(status(200, "text/html; charset=utf-8", "<html>")), says: `the server sends "text/html; charset=utf-8", which is no disk image`},
	{name: "a type that is no type", wrong: always(status(200, ";;", "x")), says: "which is no disk image"},
	{name: "the answer is empty", wrong: always(status(200, "application/octet-stream", "")), says: "is no qcow2 image"},
	{name: "the answer has two bytes", wrong: always(status(200, "application/octet-stream", "QF")), says: "is no qcow2 image"},
	{name: "the file is no qcow2", wrong: always(status(200, "application/octet-stream", strings.Repeat("<html>", 100))), says: "is no qcow2 image"},
	{name: "a redirect to plain http", wrong: always(func(rw http.ResponseWriter, r *http.Request, _ []byte) bool {
		http.Redirect(rw, r, "http://127.0.0.1:1/x.qcow2", http.StatusFound)
		return true
	}), says: "the server sends us on to an address without TLS: http://127.0.0.1:1/x.qcow2"},
	{name: "redirects in circles", wrong: always(func(rw http.ResponseWriter, r *http.Request, _ []byte) bool {
		http.Redirect(rw, r, r.URL.Path, http.StatusFound)
		return true
	}), says: "round in circles"},
	{name: "a redirect to another https address", wrong: once(func(rw http.ResponseWriter, r *http.Request, _ []byte) bool {
		http.Redirect(rw, r, r.URL.Path+"?elsewhere", http.StatusFound)
		return true
	})},
	{name: "nothing can be resumed", wrong: func(w *world, _ *images.Image) {
		w.web.misbehave(fault{false, func(rw http.ResponseWriter, r *http.Request, c []byte) bool {
			unresumable(&halfway{rw, len(c) / 2}, r, c)
			panic(http.ErrAbortHandler)
		}}, fault{true, unresumable})
	}},
	{name: "Range is ignored", wrong: func(w *world, _ *images.Image) {
		w.web.misbehave(fault{false, func(rw http.ResponseWriter, r *http.Request, c []byte) bool {
			deaf(&halfway{rw, len(c) / 2}, r, c)
			panic(http.ErrAbortHandler)
		}}, fault{true, deaf})
	}},
	{name: "another part is sent than was asked for", wrong: func(w *world, _ *images.Image) {
		w.web.misbehave(fault{false, cut}, fault{false, shifted})
	}},
	{name: "the part is gone", wrong: func(w *world, _ *images.Image) {
		w.web.misbehave(fault{false, cut}, fault{false, func(rw http.ResponseWriter, r *http.Request, _ []byte) bool {
			return r.Header.Get("Range") != "" && status(416, "text/plain", "")(rw, r, nil)
		}})
	}},
	{name: "the image changes between two parts", wrong: func(w *world, i *images.Image) {
		w.web.misbehave(fault{false, func(rw http.ResponseWriter, r *http.Request, _ []byte) bool {
			return cut(rw, r, image(999))
		}})
	}},
	{name: "the length is not announced", wrong: always(chunked)},
	{name: "the connection is refused", wrong: func(w *world, i *images.Image) {
		s := httptest.NewTLSServer(http.NotFoundHandler())
		i.URL = s.URL + "/x.qcow2"
		s.Close()
	}, says: "connection refused"},
	{name: "the server's certificate is nobody's", wrong: func(w *world, _ *images.Image) {
		w.o.HTTP = &http.Client{Transport: &http.Transport{}}
	}, says: "certificate signed by unknown authority"},
	{name: "the disk of downloads is full before", wrong: func(w *world, _ *images.Image) {
		w.o.Free = func(string) (int64, error) { return 256<<20 + 1000, nil }
	}, says: "stay free: make room there, or run waddle image prune"},
	{name: "the disk of downloads is full in the middle", wrong: func(w *world, _ *images.Image) {
		w.o.Seam = failing("write the partial file", 2, syscall.ENOSPC)
	}, says: "no space left on device: make room there"},
	{name: "the disk of downloads fails at sync", wrong: func(w *world, _ *images.Image) {
		w.o.Seam = failing("sync the partial file", 1, syscall.EIO)
	}, says: "sync the partial file: input/output error"},
	{name: "the record cannot be written", wrong: func(w *world, _ *images.Image) {
		w.o.Seam = failing("record the checksum", 1, syscall.EROFS)
	}, says: "record the checksum: read-only file system"},
	{name: "the storage is full", wrong: inject(pve.Fault{Kind: pve.FaultFull, Storage: "local"}), says: "are free in the storage local"},
	{name: "the storage is full, pinned", pinned: true, wrong: inject(pve.Fault{Kind: pve.FaultFull, Storage: "local"}), says: "are free in the storage local"},
	{name: "the storage takes no images", wrong: func(w *world, _ *images.Image) {
		w.asRoot("PUT", "/storage/local", map[string][]string{"content": {"iso,snippets"}})
	}, says: "run: pvesm set local --content iso,snippets,import", right: func(w *world, _ *images.Image) {
		w.asRoot("PUT", "/storage/local", map[string][]string{"content": {"iso,snippets,import"}})
	}},
	{name: "the storage does not exist", wrong: func(w *world, _ *images.Image) { w.o.Storage = "nowhere" }, says: "cannot look at the storage nowhere"},
	{name: "the storage is disabled", wrong: func(w *world, _ *images.Image) {
		w.asRoot("PUT", "/storage/local", map[string][]string{"disable": {"1"}})
	}, says: "it is disabled or not mounted", right: func(w *world, _ *images.Image) {
		w.asRoot("PUT", "/storage/local", map[string][]string{"disable": {"0"}})
	}},
	{name: "the token is wrong", wrong: func(w *world, _ *images.Image) {
		w.writeToken("images@pve!wrong=00000000-0000-0000-0000-000000000000")
	}, says: "(401)"},
	{name: "the token may not bring images", wrong: without("Datastore.AllocateTemplate"), says: "(403): Permission check failed (/storage/local, Datastore.AllocateTemplate)"},
	{name: "the token may not look", wrong: without("Datastore.AllocateSpace"), says: "(403)", right: func(w *world, _ *images.Image) { w.writeToken(w.grant(images.Privileges())) }},
	{name: "the upload's task fails at its copy", wrong: inject(pve.Fault{Kind: pve.FaultTask, Task: "imgcopy", Step: "copy"}), says: "injected fault at step copy of imgcopy"},
	{name: "the upload's task fails at its checksum", wrong: inject(pve.Fault{Kind: pve.FaultTask, Task: "imgcopy", Step: "checksum"}), says: "injected fault at step checksum of imgcopy"},
	{name: "the upload's task fails at its end", wrong: inject(pve.Fault{Kind: pve.FaultTask, Task: "imgcopy", Step: "end"}), says: "injected fault at step end of imgcopy"},
	{name: "the upload is answered 500 before", wrong: inject(pve.Fault{Kind: pve.FaultHTTP, Method: "POST", Path: "/nodes/pve/storage/local/upload", Status: 500}), says: "(500)"},
	{name: "the upload is answered 502 after", wrong: inject(pve.Fault{Kind: pve.FaultHTTP, Method: "POST", Path: "/nodes/pve/storage/local/upload", Status: 502, When: "after"}), says: "(502)"},
	{name: "the upload is cut off after", wrong: inject(pve.Fault{Kind: pve.FaultHTTP, Method: "POST", Path: "/nodes/pve/storage/local/upload", When: "after"}), says: "cannot upload the image"},
	{name: "the list of images is answered 500", wrong: inject(pve.Fault{Kind: pve.FaultHTTP, Method: "GET", Path: "/nodes/pve/storage/local/content", Status: 500}), says: "cannot list the images"},
	{name: "the pinned checksum is wrong", pinned: true, wrong: func(_ *world, i *images.Image) { i.SHA512 = sum512([]byte("x")) }, says: "it has to be " + sum512([]byte("x"))[:16]},
	{name: "the pinned checksum is wrong and waddled downloads", pinned: true, wrong: both(without("Sys.AccessNetwork"), func(_ *world, i *images.Image) { i.SHA512 = sum512([]byte("x")) }),
		says: "it has to be " + sum512([]byte("x"))[:16], right: func(w *world, _ *images.Image) {}},
	{name: "Proxmox may not reach the network", pinned: true, wrong: without("Sys.AccessNetwork")},
	{name: "Proxmox's download breaks off", pinned: true, wrong: once(cut)},
	{name: "Proxmox's task fails at its download", pinned: true, wrong: inject(pve.Fault{Kind: pve.FaultTask, Task: "download", Step: "download"})},
	{name: "Proxmox's task fails at its rename", pinned: true, wrong: inject(pve.Fault{Kind: pve.FaultTask, Task: "download", Step: "rename"})},
	{name: "Proxmox's task fails at its end", pinned: true, wrong: inject(pve.Fault{Kind: pve.FaultTask, Task: "download", Step: "end", Times: 1}), says: "download"},
	{name: "download-url is answered 502", pinned: true, wrong: inject(pve.Fault{Kind: pve.FaultHTTP, Method: "POST", Path: "/nodes/pve/storage/local/download-url", Status: 502})},
	{name: "download-url is cut off after", pinned: true, wrong: inject(pve.Fault{Kind: pve.FaultHTTP, Method: "POST", Path: "/nodes/pve/storage/local/download-url", When: "after", Times: 1}), says: "download"},
	{name: "nobody can fetch it", pinned: true, wrong: always(status(404, "text/plain", "")), says: "the server answers 404"},
}

// failing is a seam at which the n-th passing of an operation fails.
func failing(op string, n int, err error) func(string) error {
	seen := 0
	return func(at string) error {
		if at == op {
			if seen++; seen == n {
				return err
			}
		}
		return nil
	}
}

func TestEachFaultIsOneClearErrorLeavesNothingHalfMadeAndASecondRunFinishes(t *testing.T) {
	for n, c := range cells {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			before := w.o
			content := image(uint64(n))
			i := images.Image{Name: "x.qcow2", URL: w.web.put("/x.qcow2", content)}
			if c.pinned {
				i.SHA512 = sum512(content)
			}
			good := i
			c.wrong(w, &i)
			err := w.ensure(i)
			switch {
			case c.says == "" && err != nil:
				t.Fatalf("it did not end well: %v", err)
			case c.says == "":
				w.holds(i, content)
				return
			case err == nil && c.name == "Proxmox's task fails at its end", err == nil && c.name == "download-url is cut off after":
				w.holds(i, content) // the look afterwards may find it done
				return
			case err == nil:
				t.Fatal("it is no error")
			case !strings.Contains(err.Error(), c.says):
				t.Errorf("it says: %v", err)
			case strings.Count(err.Error(), "cannot ") > 3 || strings.Contains(err.Error(), "\n"):
				t.Errorf("it is not one error: %v", err)
			}
			w.nothingHalfMade(content)
			w.o, w.o.Records = before, before.Records
			w.web.misbehave()
			w.node.Clear("")
			if c.right != nil {
				c.right(w, &i)
			}
			if strings.Contains(c.says, "(401)") || strings.Contains(c.says, "(403)") {
				w.writeToken(w.grant(images.Privileges()))
			}
			if err := w.ensure(good); err != nil {
				t.Fatalf("the second run: %v", err)
			}
			w.holds(good, content)
		})
	}
	t.Logf("%d cells of faults", len(cells))
}

// nothingHalfMade allows a part that can be resumed, and a whole download that waits for its upload.
func (w *world) nothingHalfMade(content []byte) {
	w.t.Helper()
	for name, got := range w.imported() {
		if !bytes.Equal(got, content) {
			w.t.Errorf("the storage has %d bytes as %s", len(got), name)
		}
	}
	for _, name := range w.files(w.o.Dir) {
		switch name {
		case "x.qcow2", "x.qcow2.part", "x.qcow2.part.json":
		default:
			w.t.Errorf("left: %s", name)
		}
	}
	all, err := w.o.Records.All()
	if err != nil || all["x.qcow2"].Stage == images.Present {
		w.t.Errorf("recorded: %+v %v", all["x.qcow2"], err)
	}
}

func TestADownloadGoesOnWhereItBrokeOff(t *testing.T) {
	w := newWorld(t)
	w.o.Tries = 1
	content := image(7)
	i := images.Image{Name: "x.qcow2", URL: w.web.put("/x.qcow2", content)}
	w.web.misbehave(fault{false, cut})
	if err := w.ensure(i); err == nil {
		t.Fatal("a download that was cut is no error")
	}
	if err := w.ensure(i); err != nil {
		t.Fatal(err)
	}
	w.holds(i, content)
	asked := w.web.asked()
	if len(asked) != 2 || !strings.Contains(asked[1], "bytes=350000-") {
		t.Errorf("asked: %v", asked)
	}
}

func TestAPartThatWentBadIsThrownAwayAndFetchedAnew(t *testing.T) {
	w := newWorld(t)
	w.o.Tries = 1
	content := image(8)
	i := images.Image{Name: "x.qcow2", URL: w.web.put("/x.qcow2", content), SHA512: sum512(content)}
	without("Sys.AccessNetwork")(w, nil)
	w.web.misbehave(fault{false, cut})
	if err := w.ensure(i); err == nil {
		t.Fatal("a download that was cut is no error")
	}
	w.flip(w.o.Dir + "/x.qcow2.part")
	if err := w.ensure(i); err != nil {
		t.Fatal(err)
	}
	w.holds(i, content)
}

func TestTakingAwayAnyPrivilegeIsNoticed(t *testing.T) {
	noticed := 0
	for _, p := range images.Privileges() {
		w := newWorld(t)
		without(p.Name)(w, nil)
		content := image(9)
		i := images.Image{Name: "x.qcow2", URL: w.web.put("/x.qcow2", content), SHA512: sum512(content)}
		var refused []string
		w.o.Seam = func(op string) error {
			if op == "upload the volume" { // only when Proxmox could not
				refused = append(refused, op)
			}
			return nil
		}
		err := w.ensure(i)
		if err == nil {
			_, err = images.New(w.o).Prune(t.Context())
		}
		if err == nil && len(refused) == 0 {
			t.Errorf("nothing needs %s on %s", p.Name, p.Path)
			continue
		}
		noticed++
	}
	t.Logf("%d privileges, each of them needed", noticed)
}
