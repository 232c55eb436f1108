package platform

import "fmt"

// saysLater reports whether the file says a, and says b earlier or not at all.
func (r *report) saysLater(a, b string) bool {
	sa, hasA := r.spots[a]
	sb, hasB := r.spots[b]
	return hasA && (!hasB || sb.before(sa))
}

// name is a path with the place where the file says it, or with its default.
func (r *report) name(path string) string {
	if s, has := r.spots[path]; has {
		return fmt.Sprintf("%s (line %d, column %d)", path, s.line, s.column)
	}
	if r.values == nil {
		return path
	}
	if v := r.values(path); v != "" {
		return fmt.Sprintf("%s (%s by default)", path, v)
	}
	return path + " (by default)"
}

// locate is the place of path, else of the other path, else of what encloses path.
func (r *report) locate(path, other string) spot {
	if s, has := r.spots[path]; has {
		return s
	}
	if s, has := r.spots[other]; has && other != "" {
		return s
	}
	for p := parent(path); p != ""; p = parent(p) {
		if s, has := r.spots[p]; has {
			return s
		}
	}
	return r.spots[""]
}

// inside corrects places that the YAML parser puts behind the end.
func (r *report) inside(s spot) spot {
	s.line = max(1, min(s.line, len(r.lines)))
	s.column = max(1, min(s.column, len([]rune(r.lines[s.line-1]))+1))
	return s
}
