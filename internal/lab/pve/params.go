package pve

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/waddle-social/waddle/internal/lab/pve/schema"
)

const (
	bodyLimit   = 512 << 10 // pveproxy's own limit for anything but an upload
	uploadLimit = 64 * gib
)

// readParams collects the parameters of path, query and body. file is where an upload was put.
func (s *Server) readParams(req *http.Request, vars map[string]string) (p schema.Values, file string, err error) {
	p = schema.Values{}
	for name, v := range vars {
		p[name] = v
	}
	query, err := url.ParseQuery(req.URL.RawQuery)
	if err != nil {
		return nil, "", &apiError{status: 400, message: "unable to parse the query\n"}
	}
	body := schema.Values{}
	if err := addForm(body, query); err != nil {
		return nil, "", err
	}
	if file, err = s.readBody(req, body); err != nil {
		return nil, file, err
	}
	for name, v := range body {
		if _, twice := vars[name]; twice {
			return nil, file, wrongParam(name, "duplicate parameter (already defined in URI)")
		}
		p[name] = v
	}
	return p, file, nil
}

func addForm(p schema.Values, form url.Values) error {
	for name, vs := range form {
		switch {
		case len(vs) == 1 && name != "command":
			p[name] = vs[0]
		case name == "command" && len(vs) >= 1:
			// A list is a parameter that is given more than once; one alone stays a text, and
			// the check of the list's call turns it into a list.
			p[name] = list(vs)
		default:
			return wrongParam(name, "duplicate parameter")
		}
	}
	return nil
}

func list(vs []string) any {
	if len(vs) == 1 {
		return vs[0]
	}
	all := make([]any, len(vs))
	for i, v := range vs {
		all[i] = v
	}
	return all
}

func (s *Server) readBody(req *http.Request, p schema.Values) (string, error) {
	kind, args, _ := mime.ParseMediaType(req.Header.Get("Content-Type"))
	if kind == "multipart/form-data" {
		return s.readUpload(multipart.NewReader(io.LimitReader(req.Body, uploadLimit), args["boundary"]), p)
	}
	raw, err := io.ReadAll(io.LimitReader(req.Body, bodyLimit+1))
	if err != nil {
		return "", err
	}
	if len(raw) > bodyLimit {
		return "", &apiError{status: 413, message: "for data too large\n"}
	}
	if len(raw) == 0 {
		return "", nil
	}
	switch kind {
	case "application/json":
		return "", readJSON(raw, p)
	case "", "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(raw))
		if err != nil {
			return "", &apiError{status: 400, message: "unable to parse the body\n"}
		}
		return "", addForm(p, form)
	}
	return "", &apiError{status: 415, message: fmt.Sprintf("upload content type '%s' not allowed\n", kind)}
}

func readJSON(raw []byte, p schema.Values) error {
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.UseNumber()
	got := map[string]any{}
	if err := dec.Decode(&got); err != nil {
		return &apiError{status: 400, message: "malformed JSON string\n"}
	}
	for name, v := range got {
		if v != nil {
			p[name] = v
		}
	}
	return nil
}

// readUpload wants the file to be the last part, as Proxmox does: it stops reading there.
func (s *Server) readUpload(parts *multipart.Reader, p schema.Values) (file string, err error) {
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return file, nil
		}
		if err != nil {
			return file, fmt.Errorf("cannot read the upload: %w", err)
		}
		if part.FormName() == "filename" && part.FileName() != "" {
			p["filename"] = part.FileName()
			if file, err = s.keep(part); err != nil {
				return file, err
			}
			continue
		}
		v, err := io.ReadAll(io.LimitReader(part, bodyLimit))
		if err != nil {
			return file, err
		}
		p[part.FormName()] = string(v)
	}
}

func (s *Server) keep(r io.Reader) (string, error) {
	f, err := os.CreateTemp(s.o.Dir, "pveupload-")
	if err != nil {
		return "", err
	}
	_, err = io.Copy(f, r)
	return f.Name(), errors.Join(err, f.Close())
}
