package pve

import (
	"strings"

	"github.com/waddle-social/waddle/internal/lab/pve/schema"
)

// route is a call with its path in pieces and what answers it.
type route struct {
	schema.Endpoint
	parts  []string
	handle handler
}

// handler answers a call that was allowed and whose parameters are right. Server.mu is held.
type handler func(*request) (any, error)

func routes(calls []schema.Endpoint) map[string][]route {
	answers := handlers()
	byMethod := map[string][]route{}
	for _, e := range calls {
		r := route{Endpoint: e, parts: strings.Split(strings.Trim(e.Path, "/"), "/"), handle: answers[e.Key()]}
		byMethod[e.Method] = append(byMethod[e.Method], r)
	}
	return byMethod
}

// match compares a path with the route. A volume's name, always the last piece, may have slashes.
func (r route) match(parts []string) (map[string]string, bool) {
	vars := map[string]string{}
	for i, want := range r.parts {
		if i >= len(parts) {
			return nil, false
		}
		switch {
		case want == "{volume}":
			vars["volume"] = strings.Join(parts[i:], "/")
			return vars, true
		case strings.HasPrefix(want, "{"):
			vars[strings.Trim(want, "{}")] = parts[i]
		case want != parts[i]:
			return nil, false
		}
	}
	return vars, len(parts) == len(r.parts)
}

// find returns the call's route. A literal piece wins over a parameter.
func (s *Server) find(method, path string) (route, map[string]string, bool) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	var best route
	var bestVars map[string]string
	found := false
	for _, r := range s.routes[method] {
		vars, ok := r.match(parts)
		if ok && (!found || len(vars) < len(bestVars)) {
			best, bestVars, found = r, vars, true
		}
	}
	return best, bestVars, found
}
