package journey

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/internal/lab"
	"github.com/waddle-social/waddle/internal/phase"
)

const (
	flexibleIP  = "203.0.113.20"
	proxmoxName = "proxmox.waddle.social"
	loginName   = "teleport.waddle.social"
)

// Phase 3 on a real host: each gate shows what it rests on, what is seen from
// outside is what real packets do, and a new lockdown opens the gates again.
func TestTheGatesOfPhase3RestOnWhatIsSeen(t *testing.T) {
	h := newHost(t, lab.Options{Name: "phase3"})
	certificate := h.trustedCertificate(proxmoxName)
	h.startWaddled()
	h.setExample()
	h.apply(client.ApplyRequest{})
	root := h.overSocket()
	vm := h.plugTeleport()
	h.acknowledge(root, "0 host.console")
	outside, ops := h.from(vm), h.overTLS(vm, teleportAddress, h.token("ops", "operate"))
	if p := root.do("POST", "/v1/firewall/set", `{"profile":"lockdown"}`).problem(409, "needs_not_done"); !slices.Contains(p.Others, "lockdown.way-in") {
		t.Errorf("the refusal names %v, not the gate that shows a way in", p.Others)
	}
	h.shows("lockdown.rules", false, "no firewall profile was confirmed yet")
	h.answers(outside, 22, true)
	h.answers(outside, 8006, false)

	h.setProfile(root, ops, "lockdown")
	h.shows("lockdown.rules", true, "proves profile lockdown, change-", "token ops: confirmed over ", "10.10.0.2:", "; set by uid 0 (root)")
	h.answers(outside, 22, false)
	h.answers(outside, 8006, false)
	const rules = "proves rules for TCP 203.0.113.10:%d from the internet, the rule set in force: drop: rule "
	h.shows("lockdown.ssh", false, "inconclusive login of root over SSH, the Teleport VM, 10.10.0.2: none in the host's log",
		"inconclusive TCP 203.0.113.10:22, outside: not tried: ", fmt.Sprintf(rules, 22))
	h.shows("lockdown.proxmox-ui", false, "inconclusive GET https://proxmox.waddle.social/ at 203.0.113.20:443, this host: ")
	h.serveTeleport(vm, certificate)
	time.Sleep(probesStand)
	h.shows("lockdown.proxmox-ui", false, "proves GET https://proxmox.waddle.social/ at 203.0.113.20:443, this host: 302 Found to Teleport's login, https://teleport.waddle.social:443/web/launch/proxmox.waddle.social",
		"inconclusive TCP 203.0.113.10:8006, outside: not tried: ", fmt.Sprintf(rules, 8006))
	h.run(`echo "$(date --iso-8601=ns | tr , .) pve sshd[71]: Accepted publickey for root from 10.10.0.2 port 5 ssh2: ED25519-CERT SHA256:` + strings.Repeat("A", 43) + ` ID ada" >> /var/log/auth.log`)
	h.shows("lockdown.ssh", false, "proves login of root over SSH, the Teleport VM, 10.10.0.2: logged in with SHA256:AAA")
	for _, gate := range []string{"lockdown.ssh", "lockdown.proxmox-ui", "lockdown.console"} {
		h.acknowledge(root, "3 "+gate)
		h.shows(gate, true, "proves acknowledgement, uid 0 (root): seen in the journey")
	}
	root.do("DELETE", "/v1/phases/3/steps/lockdown.console/acknowledge", "").want(204)
	h.shows("lockdown.console", false)
	h.acknowledge(root, "3 lockdown.console")

	root.do("POST", "/v1/firewall/emergency", `{"from":["`+lab.ScannerAddr.String()+`/32"],"for":"1m"}`)
	h.shows("lockdown.rules", false, "an emergency by ", "is in force until")
	root.do("POST", "/v1/firewall/rollback", `{}`).want(200)
	h.shows("lockdown.console", true)

	h.setProfile(root, ops, "initial")
	h.shows("lockdown.rules", false, "in force is the profile initial")
	h.setProfile(root, ops, "lockdown")
	for _, gate := range []string{"lockdown.ssh", "lockdown.proxmox-ui", "lockdown.console"} {
		h.shows(gate, false, "inconclusive acknowledgement, uid 0 (root): given before the lockdown in force was set")
	}
}

// probesStand is longer than an answer stands for the next who ask.
const probesStand = 11 * time.Second

// trustedCertificate makes a certificate that the host's programs trust.
func (h *host) trustedCertificate(name string) tls.Certificate {
	h.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		h.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		h.t.Fatal(err)
	}
	h.run("mkdir -p /etc/ssl/certs")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := h.Host.WriteFile("/etc/ssl/certs/ca-certificates.crt", text, 0o644); err != nil {
		h.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// plugTeleport puts the Teleport VM on both bridges.
func (h *host) plugTeleport() *lab.Node {
	h.t.Helper()
	var vm *lab.Node
	for _, card := range []lab.VM{
		{NIC: 0, Bridge: "vmbr0", Addresses: []netip.Prefix{netip.MustParsePrefix(flexibleIP + "/24")}, Gateway: lab.HostGateway},
		{NIC: 1, Bridge: "vmbr1", Addresses: []netip.Prefix{netip.MustParsePrefix(teleportAddress + "/24")}},
	} {
		card.Name, card.VMID = "teleport", 102
		n, err := h.Plug(h.t.Context(), card)
		if err != nil {
			h.t.Fatal(err)
		}
		vm = n
	}
	return vm
}

// serveTeleport answers at the flexible IP as Teleport does to who has no session.
func (h *host) serveTeleport(vm *lab.Node, certificate tls.Certificate) {
	h.t.Helper()
	l, err := vm.Listen(h.t.Context(), "tcp4", flexibleIP+":443")
	if err != nil {
		h.t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://"+loginName+":443/web/launch/"+r.Host+"?path=%2F", http.StatusFound)
	}), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = s.Serve(tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{certificate}})) }()
	h.t.Cleanup(func() { _ = s.Close() })
}

// from looks from a VM's public side as the guest agent has it look.
func (h *host) from(vm *lab.Node) phase.Outside {
	h.t.Helper()
	control, err := vm.Listen(h.t.Context(), "tcp4", flexibleIP+":53")
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = control.Close() })
	return phase.GuestOutside{
		Place: "VM 102 (teleport)", Control: netip.MustParseAddrPort(flexibleIP + ":53"),
		Run: func(ctx context.Context, argv ...string) (int, string, error) {
			cmd := vm.Command(ctx, argv...)
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			err := cmd.Run()
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				return 0, "", err
			}
			return cmd.ProcessState.ExitCode(), out.String(), nil
		},
	}
}

// answers tries a port of the host's public address with real packets.
func (h *host) answers(from phase.Outside, port uint16, want bool) {
	h.t.Helper()
	c, err := from.Connect(h.t.Context(), netip.AddrPortFrom(lab.HostAddr, port))
	for end := time.Now().Add(time.Minute); want && err == nil && !c.Answered && time.Now().Before(end); { // it has four seconds
		c, err = from.Connect(h.t.Context(), netip.AddrPortFrom(lab.HostAddr, port))
	}
	if err != nil || c.Answered != want {
		h.t.Errorf("port %d of the host's public address from %s: %+v, %v; it should answer: %v", port, c.From, c, err, want)
	}
}

func (h *host) acknowledge(c *caller, gate string) {
	h.t.Helper()
	number, step, _ := strings.Cut(gate, " ")
	c.do("POST", "/v1/phases/"+number+"/steps/"+step+"/acknowledge", `{"note":"seen in the journey"}`).want(204)
}

// setProfile sets a profile and has it confirmed by somebody whose every call
// opens a connection.
func (h *host) setProfile(root, ops *caller, profile string) {
	h.t.Helper()
	root.do("POST", "/v1/firewall/set", `{"profile":"`+profile+`","force":true}`).want(200)
	ops.do("POST", "/v1/firewall/confirm", `{}`).want(200)
}

// shows demands that a gate of phase 3 is done, or not, and of what it shows. A
// machine that stands still makes of what it proves something inconclusive, which is
// looked at anew after a while.
func (h *host) shows(step string, done bool, wants ...string) {
	h.t.Helper()
	faults := h.faultsOf(step, done, wants)
	for end := time.Now().Add(time.Minute); len(faults) > 0 && time.Now().Before(end); faults = h.faultsOf(step, done, wants) {
		time.Sleep(time.Second)
	}
	for _, f := range faults {
		h.t.Error(f)
	}
}

func (h *host) faultsOf(step string, done bool, wants []string) (faults []string) {
	h.t.Helper()
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	r, err := h.api.GetPhaseWithResponse(h.t.Context(), 3)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, s := range r.JSON200.Steps {
		if s.ID != step {
			continue
		}
		lines := []string{string(s.Result.State) + ": " + s.Result.Reason}
		for _, e := range s.Result.Evidence {
			lines = append(lines, fmt.Sprintf("%s %s, %s: %s", e.Verdict, e.What, e.From, e.Answer))
			if age := time.Since(e.At); age < 0 || age > time.Hour {
				fault("%s: %s is of %s", step, e.What, e.At)
			}
		}
		text := strings.Join(lines, "\n")
		if got := s.Result.State == client.CheckStateDone; got != done {
			fault("%s: done is %v\n%s", step, got, text)
		}
		for _, want := range wants {
			if !strings.Contains(text, want) {
				fault("%s does not show %q:\n%s", step, want, text)
			}
		}
		return faults
	}
	h.t.Fatalf("phase 3 has no step %s", step)
	return nil
}
