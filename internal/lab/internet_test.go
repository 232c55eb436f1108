package lab

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

func TestTheNameServerKnowsTheLabAndNothingElse(t *testing.T) {
	l := startLab(t, Options{Name: "dns"})
	for _, tc := range []struct {
		name, network, host string
		want                []netip.Addr
	}{
		{"both families of the web server", "tcp", WebName, []netip.Addr{WebAddr, WebAddr6}},
		{"IPv6 alone", "tcp6", WebName, []netip.Addr{WebAddr6}},
		{"the host", "tcp4", "host.internet.example", []netip.Addr{HostAddr}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := l.Scanner.resolve(t.Context(), tc.network, tc.host)
			for i := range got {
				got[i] = got[i].Unmap()
			}
			slices.SortFunc(got, netip.Addr.Compare)
			if err != nil || !slices.Equal(got, tc.want) {
				t.Errorf("%v, %v; want %v", got, err, tc.want)
			}
		})
	}
	var dnsErr *net.DNSError
	if got, err := l.Scanner.resolve(t.Context(), "tcp", "example.com"); !errors.As(err, &dnsErr) || !dnsErr.IsNotFound {
		t.Errorf("a name outside the lab is %v, %v", got, err)
	}
}

func FuzzTheNameServerSurvivesAnyDatagram(f *testing.F) {
	query, err := (&dnsmessage.Message{Questions: []dnsmessage.Question{
		{Name: dnsmessage.MustNewName(WebName + "."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET},
	}}).Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(query)
	f.Fuzz(func(t *testing.T, datagram []byte) {
		reply, err := answer(datagram)
		if err != nil {
			return
		}
		var m dnsmessage.Message
		if err := m.Unpack(reply); err != nil || !m.Response {
			t.Errorf("the answer is no answer: %v", err)
		}
	})
}

func TestTheWebServerStreamsAtTheRateAskedFor(t *testing.T) {
	l := startLab(t, Options{Name: "web"})
	client := l.Host.HTTPClient()
	start := time.Now()
	resp, err := client.Get("http://" + WebName + "/stream?rate=100000&bytes=45000")
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	// Five pieces of at most 10,000 bytes, a tenth of a second apart.
	if took := time.Since(start); err != nil || n != 45000 || took < 350*time.Millisecond {
		t.Errorf("%d bytes in %s, %v", n, took, err)
	}
	resp, err = client.Get("http://" + WebName + "/stream?rate=fast")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a rate that is none got %s", resp.Status)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	endless, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+WebName+"/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err = client.Do(endless); err != nil {
		t.Fatal(err)
	}
	n, err = io.CopyN(io.Discard, resp.Body, 1)
	time.AfterFunc(300*time.Millisecond, cancel) // it goes on until the caller leaves
	more, left := io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if err != nil || !errors.Is(left, context.Canceled) {
		t.Errorf("a stream without end ended after %d bytes with %v, %v", n+more, err, left)
	}
	seen, err := os.ReadFile(requestsLog(l.Name))
	if err != nil || strings.Count(string(seen), `"source":"203.0.113.10:`)+strings.Count(string(seen), `"source":"[2001:db8:113::10]:`) != 2 {
		t.Errorf("the file of requests is %s, %v", seen, err)
	}
}
