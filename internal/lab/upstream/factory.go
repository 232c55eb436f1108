package upstream

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// FactoryHost is where the Image Factory is.
const FactoryHost = "factory.talos.dev"

const talosVirtual = 4 << 30 // bytes

// What the factory has. Real factories have more of both.
var (
	talosVersions   = []string{"v1.12.0", "v1.12.4", "v1.12.6"}
	talosExtensions = []string{"siderolabs/amd-ucode", "siderolabs/intel-ucode", "siderolabs/iscsi-tools", "siderolabs/qemu-guest-agent", "siderolabs/util-linux-tools"}
)

var (
	versionForm = regexp.MustCompile(`^v?[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$`)
	schematicRE = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// factory is the Image Factory. Its schematics last as long as it does.
type factory struct {
	mu         sync.Mutex
	schematics map[string]schematic
}

// Factory answers as factory.talos.dev does for nocloud images of amd64, as qcow2 or raw.
func Factory() http.Handler {
	f := &factory{schematics: map[string]schematic{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /schematics", f.create)
	mux.HandleFunc("GET /schematics/{id}", f.read)
	mux.HandleFunc("GET /image/{id}/{version}/{file}", f.image)
	mux.HandleFunc("GET /versions", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, talosVersions) })
	mux.HandleFunc("GET /version/{version}/extensions/official", f.official)
	return mux
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (f *factory) create(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	s, err := readSchematic(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	text, err := s.canonical()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	id := schematicID(text)
	f.mu.Lock()
	f.schematics[id] = s
	f.mu.Unlock()
	writeJSON(w, http.StatusCreated, map[string]string{"id": id, "schematic": string(text)})
}

func (f *factory) find(id string) (schematic, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, ok := f.schematics[id]
	return s, ok
}

func (f *factory) read(w http.ResponseWriter, r *http.Request) {
	s, ok := f.find(r.PathValue("id"))
	if !ok {
		http.Error(w, "schematic not found", http.StatusNotFound)
		return
	}
	text, err := s.canonical()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/yaml")
	_, _ = w.Write(text)
}

// image answers what the public factory answers: checksums are for paying customers, and a
// version that is none is the server's own error.
func (f *factory) image(w http.ResponseWriter, r *http.Request) {
	id, version, file := r.PathValue("id"), r.PathValue("version"), r.PathValue("file")
	s, known := f.find(id)
	switch {
	case !schematicRE.MatchString(id):
		http.Error(w, "invalid schematic ID", http.StatusBadRequest)
	case !known:
		http.Error(w, "schematic not found", http.StatusNotFound)
	case !versionForm.MatchString(version):
		http.Error(w, fmt.Sprintf("error parsing version: %q", version), http.StatusInternalServerError)
	case !slices.Contains(talosVersions, version):
		http.Error(w, fmt.Sprintf("version %s is not available", version), http.StatusNotFound)
	case strings.HasSuffix(file, ".sha256") || strings.HasSuffix(file, ".sha512") || strings.HasSuffix(file, ".sigstore.json"):
		http.Error(w, "this feature is available in the Enterprise edition", http.StatusPaymentRequired)
	case s.unavailable() != "":
		http.Error(w, fmt.Sprintf("official extension %q is not available for Talos version %s", s.unavailable(), version), http.StatusBadRequest)
	case file == "nocloud-amd64.qcow2":
		serve(w, r, file, image(id+version, talosVirtual))
	case file == "nocloud-amd64.raw":
		serve(w, r, file, raw(id+version))
	default:
		http.Error(w, fmt.Sprintf("invalid profile: %s", file), http.StatusBadRequest)
	}
}

// unavailable is the first extension that does not exist, "" when all do.
func (s schematic) unavailable() string {
	if s.Customization.SystemExtensions == nil {
		return ""
	}
	for _, name := range s.Customization.SystemExtensions.OfficialExtensions {
		if !slices.Contains(talosExtensions, name) {
			return name
		}
	}
	return ""
}

func (f *factory) official(w http.ResponseWriter, r *http.Request) {
	version := r.PathValue("version")
	if !slices.Contains(talosVersions, version) {
		http.Error(w, fmt.Sprintf("version %s is not available", version), http.StatusNotFound)
		return
	}
	list := make([]map[string]string, 0, len(talosExtensions))
	for _, name := range talosExtensions {
		list = append(list, map[string]string{"name": name, "ref": "ghcr.io/" + name + ":" + version})
	}
	writeJSON(w, http.StatusOK, list)
}
