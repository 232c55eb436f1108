package pve

import (
	"slices"
	"strings"

	"github.com/waddle-social/waddle/internal/lab/pve/schema"
)

func (t *task) show(node string) map[string]any {
	m := map[string]any{"upid": t.UPID, "node": node, "pid": t.PID, "pstart": t.PStart, "starttime": t.Start.Unix(), "type": t.Type, "id": t.ID, "user": t.User}
	if t.End.IsZero() {
		m["status"] = "RUNNING"
		return m
	}
	m["endtime"], m["status"] = t.End.Unix(), t.Exit
	t.splitUser(m)
	return m
}

// splitUser: of a task that has ended, and of one that is asked for by itself, Proxmox tells user and token apart;
// in the list those that run have both in one.
func (t *task) splitUser(m map[string]any) {
	if name, id, isToken := strings.Cut(t.User, "!"); isToken {
		m["user"], m["tokenid"] = name, id
	}
}

// own: one sees one's own tasks, also those of one's tokens; with Sys.Audit all.
func (s *Server) seesTask(r *request, t *task) bool {
	return t.User == r.user || owner(t.User) == r.user || s.need(r.user, "/nodes/"+s.o.Node, "Sys.Audit") == nil
}

func (s *Server) theTask(r *request) (*task, error) {
	upid := r.text("upid")
	parts := strings.Split(upid, ":")
	if len(parts) != 9 || parts[0] != "UPID" {
		return nil, wrongParam("upid", "unable to parse worker upid '%s'", upid)
	}
	i := slices.IndexFunc(s.st.Tasks, func(t *task) bool { return t.UPID == upid })
	if i < 0 {
		return nil, wrongParam("upid", "no such task")
	}
	t := s.st.Tasks[i]
	if !s.seesTask(r, t) {
		return nil, forbidden("/nodes/" + s.o.Node + ", Sys.Audit")
	}
	return t, nil
}

func (s *Server) taskStatus(r *request) (any, error) {
	t, err := s.theTask(r)
	if err != nil {
		return nil, err
	}
	m := t.show(s.o.Node)
	delete(m, "endtime")
	m["status"] = "running"
	if !t.End.IsZero() {
		m["status"], m["exitstatus"] = "stopped", t.Exit
	}
	t.splitUser(m)
	return m, nil
}

func (s *Server) taskLog(r *request) (any, error) {
	t, err := s.theTask(r)
	if err != nil {
		return nil, err
	}
	log := t.Log
	if len(log) == 0 {
		log = []string{"no content"}
	}
	all := []map[string]any{}
	start, limit := r.p.Int("start", 0), r.p.Int("limit", 50)
	for i := start; i < len(log) && (limit == 0 || i < start+limit); i++ {
		all = append(all, map[string]any{"n": i + 1, "t": log[i]})
	}
	return all, nil
}

func (s *Server) stopTask(r *request) (any, error) {
	t, err := s.theTask(r)
	if err != nil {
		return nil, err
	}
	if t.User != r.user && owner(t.User) != r.user {
		if err := s.need(r.user, "/nodes/"+s.o.Node, "Sys.Modify"); err != nil {
			return nil, err
		}
	}
	if stop := s.stops[t.UPID]; stop != nil {
		stop()
	}
	return nil, nil
}

func (s *Server) taskIndex(r *request) (any, error) {
	if _, err := s.theTask(r); err != nil {
		return nil, err
	}
	return []map[string]string{{"name": "log"}, {"name": "status"}}, nil
}

func (s *Server) listTasks(r *request) (any, error) {
	all := []map[string]any{}
	skip, limit := r.p.Int("start", 0), r.p.Int("limit", 50)
	source := r.text("source")
	if source == "" {
		source = "archive"
	}
	for _, t := range slices.Backward(s.st.Tasks) {
		if !s.seesTask(r, t) || !wanted(r.p, t, source) {
			continue
		}
		if skip--; skip >= 0 {
			continue
		}
		if all = append(all, t.show(s.o.Node)); len(all) == limit {
			break
		}
	}
	return all, nil
}

func wanted(p schema.Values, t *task, source string) bool {
	done := !t.End.IsZero()
	switch {
	case source == "archive" && !done, source == "active" && done:
		return false
	case p.Bool("errors", false) && (!done || t.Exit == "OK"):
		return false
	case p.Has("vmid") && t.ID != p.Text("vmid"):
		return false
	case p.Has("typefilter") && t.Type != p.Text("typefilter"):
		return false
	case p.Has("userfilter") && !strings.Contains(t.User, p.Text("userfilter")):
		return false
	case p.Has("since") && t.Start.Unix() < int64(p.Int("since", 0)), p.Has("until") && t.Start.Unix() > int64(p.Int("until", 0)):
		return false
	}
	status := schema.List(p.Text("statusfilter"))
	return len(status) == 0 || slices.Contains(status, t.kindOfEnd())
}

func (t *task) kindOfEnd() string {
	switch {
	case t.Exit == "OK":
		return "ok"
	case strings.HasPrefix(t.Exit, "WARNINGS"):
		return "warning"
	case t.Exit == "unexpected status" || t.Exit == "":
		return "unknown"
	}
	return "error"
}

func (s *Server) clusterTasks(r *request) (any, error) {
	all := []map[string]any{}
	for _, t := range slices.Backward(s.st.Tasks) {
		if s.seesTask(r, t) && len(all) < 25 {
			all = append(all, t.show(s.o.Node))
		}
	}
	return all, nil
}
