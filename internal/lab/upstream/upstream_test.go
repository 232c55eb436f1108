package upstream

import (
	"crypto/sha512"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const both = "customization:\n    systemExtensions:\n        officialExtensions:\n            - siderolabs/iscsi-tools\n            - siderolabs/qemu-guest-agent\n"

func ask(t *testing.T, h http.Handler, method, path, body string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	said, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(said)
}

// The ids are the public factory's own.
func TestASchematicHasTheIDThatTheRealFactoryGivesIt(t *testing.T) {
	for body, want := range map[string]string{
		"customization: {}": "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba",
		both:                "dc7b152cb3ea99b821fcb7340ce7168313ce393d663740b791c36f6e95fc8586",
		`{"customization":{"systemExtensions":{"officialExtensions":["siderolabs/iscsi-tools","siderolabs/qemu-guest-agent"]}}}`: "dc7b152cb3ea99b821fcb7340ce7168313ce393d663740b791c36f6e95fc8586",
		`{"customization":{"systemExtensions":{"officialExtensions":["siderolabs/qemu-guest-agent","siderolabs/iscsi-tools"]}}}`: "6ebbfe35c8225645c05d4d19eaad385bd1ec795954932d0ada671388272fec19",
		"customization: {systemExtensions: {officialExtensions: [siderolabs/qemu-guest-agent]}}":                                 "ce4c980550dd2ab1b17bbf2b08801c7eb59418eafe8f279833297925d67c7515",
	} {
		code, said := ask(t, Factory(), "POST", "/schematics", body)
		var got struct{ ID string }
		if err := json.Unmarshal([]byte(said), &got); err != nil || code != http.StatusCreated || got.ID != want {
			t.Errorf("%s: %d %s, want %s", body, code, said, want)
		}
	}
}

func TestTheFactoryServesTheImagesOfWhatWasRegisteredAndRefusesTheRest(t *testing.T) {
	f := Factory()
	const id = "dc7b152cb3ea99b821fcb7340ce7168313ce393d663740b791c36f6e95fc8586"
	if code, _ := ask(t, f, "GET", "/image/"+id+"/v1.12.4/nocloud-amd64.qcow2", ""); code != http.StatusNotFound {
		t.Errorf("an image before its schematic was registered: %d, want 404", code)
	}
	ask(t, f, "POST", "/schematics", both)
	_, said := ask(t, f, "POST", "/schematics", "customization: {systemExtensions: {officialExtensions: [siderolabs/no-such]}}")
	var odd struct{ ID string }
	if err := json.Unmarshal([]byte(said), &odd); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, method, path, body string
		status                   int
		says                     string
	}{
		{"the schematic is read back", "GET", "/schematics/" + id, "", 200, both},
		{"one that nobody made", "GET", "/schematics/" + strings.Repeat("0", 64), "", 404, "not found"},
		{"an unknown field", "POST", "/schematics", "customisation: {}", 400, "invalid schematic"},
		{"no YAML at all", "POST", "/schematics", "{", 400, "invalid schematic"},
		{"the image as qcow2", "GET", "/image/" + id + "/v1.12.4/nocloud-amd64.qcow2", "", 200, "QFI\xfb"},
		{"the image as raw", "GET", "/image/" + id + "/v1.12.4/nocloud-amd64.raw", "", 200, "\x55\xaa"},
		{"an id that is none", "GET", "/image/latest/v1.12.4/nocloud-amd64.raw", "", 400, "invalid schematic ID"},
		{"a version that was never released", "GET", "/image/" + id + "/v1.12.99/nocloud-amd64.raw", "", 404, "v1.12.99"},
		{"a version that is none", "GET", "/image/" + id + "/newest/nocloud-amd64.raw", "", 500, "parsing version"},
		{"a checksum", "GET", "/image/" + id + "/v1.12.4/nocloud-amd64.qcow2.sha256", "", 402, "Enterprise"},
		{"another profile", "GET", "/image/" + id + "/v1.12.4/moon-amd64.raw", "", 400, "invalid profile"},
		{"an extension that is not there", "GET", "/image/" + odd.ID + "/v1.12.4/nocloud-amd64.raw", "", 400, "siderolabs/no-such"},
		{"the extensions of a version", "GET", "/version/v1.12.4/extensions/official", "", 200, "siderolabs/iscsi-tools"},
		{"the extensions of no version", "GET", "/version/v0.0.1/extensions/official", "", 404, "v0.0.1"},
		{"the versions", "GET", "/versions", "", 200, "v1.12.4"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if code, said := ask(t, f, tc.method, tc.path, tc.body); code != tc.status || !strings.Contains(said, tc.says) {
				t.Errorf("%d %.200q, want %d and %q", code, said, tc.status, tc.says)
			}
		})
	}
}

func TestDebiansImageHasTheChecksumThatIsBesideIt(t *testing.T) {
	d, path := Debian(), strings.TrimPrefix(DebianURL(), "https://"+DebianHost)
	code, image := ask(t, d, "GET", path, "")
	if got := fmt.Sprintf("%x", sha512.Sum512([]byte(image))); code != http.StatusOK || got != DebianSHA512() || len(image) != imageBytes {
		t.Errorf("%d, %d bytes, %s; want %s", code, len(image), got, DebianSHA512())
	}
	sums := path[:strings.LastIndex(path, "/")] + "/SHA512SUMS"
	if code, said := ask(t, d, "GET", sums, ""); code != http.StatusOK || said != DebianSHA512()+"  "+DebianImage()+"\n" {
		t.Errorf("%d %s", code, said)
	}
	if code, _ := ask(t, d, "GET", strings.ReplaceAll(path, DebianBuild, "20200101-1"), ""); code != http.StatusNotFound {
		t.Errorf("a build that was never made: %d", code)
	}
}

func TestAnImageCanBeResumed(t *testing.T) {
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", strings.TrimPrefix(DebianURL(), "https://"+DebianHost), nil)
	r.Header.Set("Range", fmt.Sprintf("bytes=%d-", imageBytes-10))
	Debian().ServeHTTP(w, r)
	if w.Code != http.StatusPartialContent || w.Body.Len() != 10 {
		t.Errorf("%d with %d bytes", w.Code, w.Body.Len())
	}
}
