package platform_test

import (
	"strings"
	"testing"
	"time"

	"github.com/waddle-social/waddle/internal/platform"
)

func TestASizeIsReadAndWrittenInItsGreatestUnit(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"8GiB", "8GiB"}, {"1024MiB", "1GiB"}, {"1536MiB", "1536MiB"}, {"1024GiB", "1TiB"}, {"1024TiB", "1024TiB"},
	} {
		var s platform.Size
		if err := s.UnmarshalText([]byte(c.text)); err != nil {
			t.Errorf("%s: %v", c.text, err)
		}
		if got := s.String(); got != c.want {
			t.Errorf("%s is written as %s, want %s", c.text, got, c.want)
		}
	}
	if got := (8 * platform.GiB).MiB(); got != 8192 {
		t.Errorf("8GiB are %d MiB", got)
	}
}

func TestWhatIsNoSizeIsExplained(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", `"" is not a size`},
		{"8", `"8" has no unit`},
		{"8 GiB", `"8 GiB" is not a whole number with a binary unit: did you mean 8GiB?`},
		{"8G", `"8G" is not a whole number with a binary unit: did you mean 8GiB?`},
		{"0.5T", `"0.5T" is not a whole number with a binary unit: did you mean 512GiB?`},
		{"512k", `"512k" has a unit that is too small`},
		{"0GiB", `"0GiB" is not a whole number with a binary unit`},
		{"-1GiB", `"-1GiB" is not a size`},
		{"1025TiB", `"1025TiB" is more than 1024TiB`},
		{"9999999999TiB", `"9999999999TiB" is more than 1024TiB`},
	} {
		var s platform.Size
		if err := s.UnmarshalText([]byte(c.text)); err == nil || err.Error() != c.want {
			t.Errorf("%q: got %v, want %s", c.text, err, c.want)
		}
		if s != 0 {
			t.Errorf("%q left %v behind", c.text, s)
		}
	}
}

func TestALengthOfTimeIsReadAndWrittenInItsGreatestUnit(t *testing.T) {
	for _, c := range []struct {
		text, written string
		want          time.Duration
	}{
		{"90s", "90s", 90 * time.Second}, {"120s", "2m", 2 * time.Minute}, {"24h", "1d", 24 * time.Hour}, {"3650d", "3650d", 3650 * 24 * time.Hour},
	} {
		var d platform.Duration
		if err := d.UnmarshalText([]byte(c.text)); err != nil {
			t.Errorf("%s: %v", c.text, err)
		}
		if d.Std() != c.want || d.String() != c.written {
			t.Errorf("%s is %v, written %s", c.text, d.Std(), d)
		}
	}
	for _, bad := range []string{"", "0s", "5", "1.5h", "1w", "3651d", "999999999h"} {
		var d platform.Duration
		if err := d.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q was read as %v", bad, d)
		}
	}
}

func TestAMACIsOneInterfaces(t *testing.T) {
	var m platform.MAC
	if err := m.UnmarshalText([]byte("BC:24:11:00:00:0A")); err != nil || m.String() != "bc:24:11:00:00:0a" {
		t.Errorf("got %v, %v", m, err)
	}
	for _, bad := range []string{"", "bc-24-11-00-00-0a", "bc24.1100.000a", "bc:24:11:00:00", "bc:24:11:00:00:0a:0b", "01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00"} {
		if err := m.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q was read as %v", bad, m)
		}
	}
}

func TestSetWritesOneValueOrSaysWhatIsAllowed(t *testing.T) {
	p := &platform.Platform{}
	for _, c := range []struct{ path, text, want string }{
		{"spec.dns.domain", "example.org", ""},
		{"spec.waddled.port", "8443", ""},
		{"spec.vms.nodes[0].memory", "12GiB", ""},
		{"spec.teleport.teams[0].team", "ops", ""},
		{"spec.network.public.ipv6.gateway", "fe80::1", ""},
		{"spec.dns.domain", "Example", "cannot set spec.dns.domain: \"Example\" is not a DNS name; allowed: a DNS name"},
		{"spec.dns", "x", "cannot set spec.dns: it is no single value; allowed: a mapping with domain"},
		{"spec.dns.nowhere", "x", "cannot set spec.dns.nowhere: there is no key \"nowhere\"; allowed: domain, "},
		{"spec.vms.nodes[7].memory", "8GiB", "cannot set spec.vms.nodes[7].memory: the list has 1 elements; allowed: an index from 0 to 1"},
		{"spec.dns.domain[0]", "x", "cannot set spec.dns.domain[0]: it is no list"},
		{"spec.dns.domain.x", "x", "cannot set spec.dns.domain.x: there is no key \"x\" below a single value"},
		{"", "x", "cannot set : there is no key \"\""},
	} {
		err := platform.Set(p, c.path, c.text)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %s", c.path, err, c.want)
		}
	}
	if p.Spec.DNS.Domain != "example.org" || p.Spec.Waddled.Port != 8443 || p.Spec.VMs.Nodes[0].Memory != 12*platform.GiB ||
		p.Spec.Teleport.Teams[0].Team != "ops" || p.Spec.Network.Public.IPv6.Gateway.String() != "fe80::1" {
		t.Errorf("the values did not arrive: %+v", p.Spec)
	}
}
