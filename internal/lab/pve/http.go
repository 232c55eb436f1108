package pve

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/waddle-social/waddle/internal/lab/pve/schema"
)

const apiRoot = "/api2/json"

// serve answers one HTTP request in the order in which pveproxy does: who is it, is there such a
// call, may they, are the parameters right, what does the call say.
func (s *Server) serve(w http.ResponseWriter, req *http.Request) {
	path, ok := strings.CutPrefix(req.URL.Path, apiRoot)
	if req.URL.Path == "/" {
		w.Header().Set("Server", "pve-api-daemon/3.0")
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(w, "<!doctype html><title>%s - Proxmox Virtual Environment</title>\n", s.o.Node)
		return
	}
	if !ok {
		reply(w, nil, &apiError{status: 404, message: "no such file '" + req.URL.Path + "'\n"})
		return
	}
	if s.httpFault(w, req, path, "before") {
		return
	}
	data, err := s.call(req, path)
	if s.httpFault(w, req, path, "after") {
		return
	}
	reply(w, data, err)
}

func (s *Server) call(req *http.Request, path string) (any, error) {
	who, err := s.authenticate(req)
	r, vars, found := s.find(req.Method, path)
	_, world := r.Perm.(schema.World)
	if err != nil && !(found && world) {
		return nil, err
	}
	if !found {
		return nil, &apiError{status: 501, message: fmt.Sprintf("Method '%s %s' not implemented\n", req.Method, path)}
	}
	if r.NoToken && strings.Contains(who, "!") {
		return nil, &apiError{status: 403, message: fmt.Sprintf("API tokens are not allowed to access '%s'\n", path)}
	}
	p, file, err := s.readParams(req, vars)
	if file != "" {
		defer os.Remove(file)
	}
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// The commands of exec arrive as one text where the form had only one.
	if one, ok := p["command"].(string); ok && r.Params["command"].Type == schema.Array {
		p["command"] = []any{one}
	}
	if err := s.allowed(who, r.Perm, p); err != nil {
		return nil, err
	}
	if node, ok := vars["node"]; ok && node != s.o.Node && node != "localhost" {
		return nil, die("hostname lookup '%s' failed - failed to get address info for: %s: Name or service not known", node, node)
	}
	if errs := r.Params.Check(p, r.Open); errs != nil {
		return nil, wrongParams(errs)
	}
	data, err := r.handle(&request{Endpoint: &r.Endpoint, s: s, ctx: req.Context(), p: p, user: who, file: file})
	if req.Method != http.MethodGet {
		err = errors.Join(err, s.save())
	}
	return data, err
}

// reply writes an answer. An error's text is also the reason phrase, where go-proxmox looks for
// it; net/http has no way to say one, so errors are written by hand and end the connection.
func reply(w http.ResponseWriter, data any, err error) {
	if err == nil {
		w.Header().Set("Content-Type", "application/json;charset=UTF-8")
		w.Header().Set("Server", "pve-api-daemon/3.0")
		_ = json.NewEncoder(w).Encode(map[string]any{"data": data})
		return
	}
	var e *apiError
	if !errors.As(err, &e) {
		e = &apiError{status: 500, message: err.Error() + "\n"}
	}
	body := map[string]any{"data": nil, "message": e.message}
	if e.params != nil {
		body["errors"] = e.params
	}
	raw, _ := json.Marshal(body)
	writeRaw(w, e.status, e.message, raw)
}

func writeRaw(w http.ResponseWriter, status int, reason string, body []byte) {
	conn, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, reason, status)
		return
	}
	defer conn.Close()
	reason = strings.Join(strings.Fields(reason), " ")
	fmt.Fprintf(buf, "HTTP/1.1 %d %s\r\nServer: pve-api-daemon/3.0\r\nConnection: close\r\n", status, reason)
	fmt.Fprintf(buf, "Content-Type: application/json;charset=UTF-8\r\nContent-Length: %d\r\n\r\n", len(body))
	_, _ = buf.Write(body)
	_ = buf.Flush()
}
