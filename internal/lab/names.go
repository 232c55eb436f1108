package lab

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"regexp"
)

// DefaultName is the name of a lab for which none was chosen.
const DefaultName = "lab"

const (
	stateRoot = "/run/waddle-lab"
	netnsRoot = "/run/netns"
)

// The addresses of a lab, all from the ranges that RFC 5737 and RFC 3849 reserve for
// documentation, but for the resolver, which is the one that the plan's VMs use.
var (
	HostAddr      = netip.MustParseAddr("203.0.113.10")
	HostAddr6     = netip.MustParseAddr("2001:db8:113::10")
	HostGateway   = netip.MustParseAddr("203.0.113.1")
	HostGateway6  = netip.MustParseAddr("2001:db8:113::1")
	ScannerAddr   = netip.MustParseAddr("198.51.100.7")
	ScannerAddr6  = netip.MustParseAddr("2001:db8:198:51::7")
	WebAddr       = netip.MustParseAddr("192.0.2.80")
	WebAddr6      = netip.MustParseAddr("2001:db8:2::80")
	ResolverAddr  = netip.MustParseAddr("1.1.1.1")
	scannerGate   = netip.MustParseAddr("198.51.100.1")
	scannerGate6  = netip.MustParseAddr("2001:db8:198:51::1")
	hostPrefix    = netip.PrefixFrom(HostAddr, 24)
	hostPrefix6   = netip.PrefixFrom(HostAddr6, 64)
	gatePrefix    = netip.PrefixFrom(HostGateway, 24)
	gatePrefix6   = netip.PrefixFrom(HostGateway6, 64)
	scanPrefix    = netip.PrefixFrom(ScannerAddr, 24)
	scanPrefix6   = netip.PrefixFrom(ScannerAddr6, 64)
	scanGatePref  = netip.PrefixFrom(scannerGate, 24)
	scanGatePref6 = netip.PrefixFrom(scannerGate6, 64)
)

// WebName is the web server's name in the lab's DNS.
const WebName = "web.internet.example"

// The names of the nodes that every lab has.
const (
	nodeInternet = "internet"
	nodeScanner  = "scanner"
	nodeHost     = "host"
)

// No hyphen: the namespaces of a lab "a" are found by the prefix waddle-a-, which
// the ones of a lab "a-b" would carry too.
var (
	labName = regexp.MustCompile(`^[a-z][a-z0-9]{0,19}$`)
	vmName  = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`)
)

func checkName(name string) error {
	if !labName.MatchString(name) {
		return fmt.Errorf("cannot use %q as a lab's name: a lower-case letter and up to 19 lower-case letters and digits are allowed", name)
	}
	return nil
}

func stateDir(lab string) string        { return filepath.Join(stateRoot, lab) }
func netnsPrefix(lab string) string     { return "waddle-" + lab + "-" }
func netnsPath(lab, node string) string { return filepath.Join(netnsRoot, netnsPrefix(lab)+node) }
func vmNode(name string) string         { return "vm-" + name }
func vmFile(lab, node string) string    { return filepath.Join(stateDir(lab), node+".json") }
func stateFile(lab string) string       { return filepath.Join(stateDir(lab), "lab.json") }
func serviceLog(lab string) string      { return filepath.Join(stateDir(lab), "service.log") }
func proxmoxDir(lab string) string      { return filepath.Join(stateDir(lab), "proxmox") }
func faultSocket(lab string) string     { return filepath.Join(stateDir(lab), "faults.sock") }
func internetCAFile(lab string) string  { return filepath.Join(stateDir(lab), "internet-ca.pem") }
func requestsLog(lab string) string     { return filepath.Join(stateDir(lab), "requests.jsonl") }
