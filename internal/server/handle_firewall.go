package server

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/waddle-social/waddle/internal/firewall"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/internal/server/api"
	"github.com/waddle-social/waddle/internal/server/listen"
	"github.com/waddle-social/waddle/pkg/netfw"
)

func (h handlers) GetFirewall(ctx context.Context, req api.GetFirewallRequestObject) (api.GetFirewallResponseObject, error) {
	answer, err := h.firewall(ctx, req.Params.Rules != nil && *req.Params.Rules)
	return api.GetFirewall200JSONResponse(answer), err
}

func (h handlers) firewall(ctx context.Context, rules bool) (api.Firewall, error) {
	st, err := h.o.Firewall.Show(ctx, rules)
	if err != nil {
		return api.Firewall{}, err
	}
	return h.firewallOf(st), nil
}

// profile is the one in force.
func (h handlers) profile(ctx context.Context) (netfw.Profile, error) {
	st, err := h.o.Firewall.Show(ctx, false)
	return st.Live, err
}

func (h handlers) PostFirewallSet(ctx context.Context, req api.PostFirewallSetRequestObject) (api.PostFirewallSetResponseObject, error) {
	within, err := span("confirmWithin", req.Body.ConfirmWithin)
	if err != nil {
		return nil, err
	}
	p, note, err := h.o.Firewall.Set(ctx, callerAt(ctx), firewall.Change{
		Profile: netfw.Profile(req.Body.Profile), Within: within, Force: req.Body.Force,
	})
	if err != nil {
		return nil, err
	}
	letAge()
	body := h.pendingOf(p)
	body.Note = note
	return api.PostFirewallSet200JSONResponse{Body: body}, nil
}

func (h handlers) PostFirewallConfirm(ctx context.Context, req api.PostFirewallConfirmRequestObject) (api.PostFirewallConfirmResponseObject, error) {
	var body api.FirewallConfirmRequest
	if req.Body != nil {
		body = *req.Body
	}
	if err := h.o.Firewall.Confirm(ctx, callerAt(ctx), body.ID, body.OnTheConsole); err != nil {
		letAge() // the rules may have been loaded again
		return nil, err
	}
	answer, err := h.firewall(ctx, false)
	return api.PostFirewallConfirm200JSONResponse(answer), err
}

func (h handlers) PostFirewallRollback(ctx context.Context, req api.PostFirewallRollbackRequestObject) (api.PostFirewallRollbackResponseObject, error) {
	id := ""
	if req.Body != nil {
		id = req.Body.ID
	}
	if err := h.o.Firewall.Rollback(ctx, callerAt(ctx), id); err != nil {
		return nil, err
	}
	answer, err := h.firewall(ctx, false)
	return api.PostFirewallRollback200JSONResponse(answer), err
}

func (h handlers) PostFirewallEmergency(ctx context.Context, req api.PostFirewallEmergencyRequestObject) (api.PostFirewallEmergencyResponseObject, error) {
	lasts, err := span("for", req.Body.For)
	if err != nil {
		return nil, err
	}
	e, err := h.o.Firewall.Emergency(ctx, callerAt(ctx), firewall.Opening{From: req.Body.From, For: lasts, SSH: req.Body.SSH, UI: req.Body.UI})
	if err != nil {
		return nil, err
	}
	return api.PostFirewallEmergency200JSONResponse(h.emergencyOf(e)), nil
}

func (h handlers) GetFirewallDiff(ctx context.Context, _ api.GetFirewallDiffRequestObject) (api.GetFirewallDiffResponseObject, error) {
	pending, drift, err := h.o.Firewall.Diff(ctx)
	if err != nil {
		return nil, err
	}
	return api.GetFirewallDiff200JSONResponse{Pending: each(pending, ruleDifferenceOf), Drift: each(drift, ruleDifferenceOf)}, nil
}

func (h handlers) GetFirewallTest(ctx context.Context, req api.GetFirewallTestRequestObject) (api.GetFirewallTestResponseObject, error) {
	q := firewall.Question{From: req.Params.From, To: req.Params.To}
	if p := req.Params.Profile; p != nil {
		q.Profile = netfw.Profile(*p)
	}
	if f := req.Params.Family; f != nil && *f == api.GetFirewallTestParamsFamily("ipv6") {
		q.Family = netfw.IPv6
	}
	a, err := h.o.Firewall.Test(ctx, q)
	if err != nil {
		return nil, err
	}
	return api.GetFirewallTest200JSONResponse(decisionOf(a)), nil
}

// callerAt is the caller as the firewall has to know them. Whoever comes from
// one of the host's own addresses comes over the loopback, as a tunnel does.
func callerAt(ctx context.Context) firewall.Caller {
	x := exchangeOf(ctx)
	c := firewall.Caller{Name: x.caller.Name, From: x.caller.From, OpenedAt: openedAt(ctx)}
	conn := x.caller.conn
	remote := conn.Remote.Addr().Unmap()
	c.Local = !conn.Remote.IsValid() || conn.SSH || remote.IsLoopback() || listen.HostHas(remote)
	if conn.leavesHost() && !remote.IsLoopback() {
		c.Comes = firewall.Route{From: conn.Remote, To: conn.Local}
	}
	return c
}

// span reads the contract's whole number of seconds, minutes or hours; "" is 0.
func span(name, text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	unit := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}[text[len(text)-1:]]
	n, err := strconv.Atoi(strings.TrimRight(text, "smh"))
	if err != nil || unit == 0 {
		return 0, problem.New(problem.InvalidRequest, "write a whole number and s, m or h, as in 120s", "cannot read %s: %q is not a length of time", name, text)
	}
	return time.Duration(n) * unit, nil
}
