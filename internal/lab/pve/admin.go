package pve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"
)

// Admin is what `waddle-lab fault` talks to: GET and POST /faults, DELETE /faults and
// /faults/ID, GET /steps, POST /vms/ID/crash. Answers and bodies are JSON, errors text.
func (s *Server) Admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /faults", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.Faults()) })
	mux.HandleFunc("GET /steps", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, Steps()) })
	mux.HandleFunc("POST /faults", func(w http.ResponseWriter, req *http.Request) {
		dec := json.NewDecoder(http.MaxBytesReader(w, req.Body, 1<<16))
		dec.DisallowUnknownFields()
		var f Fault
		if err := dec.Decode(&f); err != nil {
			http.Error(w, fmt.Sprintf("cannot read the fault: %v", err), http.StatusBadRequest)
			return
		}
		id, err := s.Inject(f)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		writeJSON(w, map[string]string{"id": id})
	})
	remove := func(w http.ResponseWriter, req *http.Request) { done(w, s.Clear(req.PathValue("id"))) }
	mux.HandleFunc("DELETE /faults", remove)
	mux.HandleFunc("DELETE /faults/{id}", remove)
	mux.HandleFunc("POST /vms/{vmid}/crash", func(w http.ResponseWriter, req *http.Request) {
		id, err := strconv.Atoi(req.PathValue("vmid"))
		if err == nil {
			err = s.Crash(id)
		}
		done(w, err)
	})
	return mux
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func done(w http.ResponseWriter, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// ServeAdmin serves Admin on a unix socket, readable by its owner alone, until ctx ends. A socket
// that a killed simulator left is replaced.
func (s *Server) ServeAdmin(ctx context.Context, socket string) error {
	if err := gone(os.Remove(socket)); err != nil {
		return fmt.Errorf("cannot serve faults on %s: %w", socket, err)
	}
	ln, err := net.Listen("unix", socket)
	if err != nil {
		return fmt.Errorf("cannot serve faults on %s: %w", socket, err)
	}
	if err := os.Chmod(socket, 0o600); err != nil {
		return errors.Join(err, ln.Close())
	}
	srv := &http.Server{Handler: s.Admin(), ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
