package vms

import (
	"net/http"

	proxmox "github.com/luthermonson/go-proxmox"
)

// recorded is the driver's client with a look at each request that it sends.
func recorded(d *Driver, o Options) *proxmox.Client {
	return proxmox.NewClient(d.o.URL, proxmox.WithHTTPClient(&http.Client{Transport: recorder{&transport{o: d.o, trust: d.api.trust}}, Timeout: o.Timeout}))
}

type recorder struct{ next http.RoundTripper }

func (r recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	return r.next.RoundTrip(req)
}
