package lab

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// pageLoads is the claim that a VM on vmbr1 goes out through the host's address.
func (p *prover) pageLoads(ctx context.Context) (Check, error) {
	c := Check{
		Claim: fmt.Sprintf("a VM on %s loads a page of the internet, and the server sees the host's public address", internalBridge),
		Tried: fmt.Sprintf("GET http://%s/ from %s, name looked up at %s, %d times", WebName, probeAddr, ResolverAddr, proofTries),
	}
	for range proofTries {
		mark := uuid.NewString()
		if err := p.get(ctx, "http://"+WebName+"/?proof="+mark); err != nil {
			c.Result = err.Error()
			return c, nil
		}
		saw, err := p.whoAsked(ctx, mark)
		if err != nil {
			return c, err
		}
		if saw != HostAddr {
			c.Result = fmt.Sprintf("the page loads, but the server saw %s instead of %s", saw, HostAddr)
			return c, nil
		}
	}
	c.Passed, c.Result = true, fmt.Sprintf("200 OK %d times, the server saw %s each time", proofTries, HostAddr)
	return c, nil
}

func (p *prover) get(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := p.probe.node.HTTPClient().Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || string(body) != page {
		return fmt.Errorf("the answer is %s and %d bytes, not the page", resp.Status, len(body))
	}
	return nil
}

// whoAsked returns whom the server saw asking with that mark.
func (p *prover) whoAsked(ctx context.Context, mark string) (netip.Addr, error) {
	seen, err := p.Requests(ctx)
	if err != nil {
		return netip.Addr{}, err
	}
	for _, r := range slices.Backward(seen) {
		if strings.Contains(r.URL, mark) {
			return r.Source.Addr().Unmap(), nil
		}
	}
	return netip.Addr{}, fmt.Errorf("the server has answered a request that it has no record of")
}
