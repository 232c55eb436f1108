package machines

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"

	"github.com/waddle-social/waddle/internal/platform"
)

// snippetMode keeps what a snippet holds from everybody but root.
const snippetMode = 0o600

// snippet is a part of a VM's cloud-init drive. Its name holds a hash of its content:
// Proxmox compares names alone.
type snippet struct {
	part string // network or vendor
	name string
	text string
}

func newSnippet(vm platform.Label, part, text string) snippet {
	sum := sha256.Sum256([]byte(text))
	return snippet{part: part, name: fmt.Sprintf("%s%s-%x.yaml", snippetPrefix(string(vm)), part, sum[:6]), text: text}
}

func snippetPrefix(vm string) string { return "waddle-" + vm + "-" }

// teleportSnippets are the network (NoCloud, version 2) and what makes the guest
// agent answer: Debian's image lacks it.
func teleportSnippets(p *platform.Platform) []snippet {
	name := p.Spec.VMs.Teleport.Name
	return []snippet{
		newSnippet(name, "network", teleportNetwork(p)),
		newSnippet(name, "vendor", "#cloud-config\npackage_update: true\npackages: [qemu-guest-agent]\nruncmd:\n  - [systemctl, enable, --now, qemu-guest-agent]\n"),
	}
}

func teleportNetwork(p *platform.Platform) string {
	n, m := p.Spec.Network, p.Spec.TeleportVM()
	flexible := n.FlexibleIP
	var b strings.Builder
	fmt.Fprintf(&b, "version: 2\nethernets:\n  public:\n    match: {macaddress: %q}\n", lower(m.NICs[0].MAC))
	addresses := []string{flexible.Address.String() + "/32"}
	routes := fmt.Sprintf("      - {to: \"0.0.0.0/0\", via: %q, on-link: true}\n", flexible.Gateway)
	if six := flexible.IPv6; six != nil {
		addresses = append(addresses, six.Address.String())
		routes += fmt.Sprintf("      - {to: \"::/0\", via: %q, on-link: true}\n", six.Gateway)
	}
	fmt.Fprintf(&b, "    addresses: [%s]\n    routes:\n%s", quoted(addresses), routes)
	var resolvers []string
	for _, r := range n.Resolvers {
		resolvers = append(resolvers, r.String())
	}
	fmt.Fprintf(&b, "    nameservers: {addresses: [%s]}\n", quoted(resolvers))
	fmt.Fprintf(&b, "  internal:\n    match: {macaddress: %q}\n    addresses: [\"%s/%d\"]\n", lower(m.NICs[1].MAC), m.Address, n.Internal.CIDR.Bits())
	return b.String()
}

// lower: cloud-init matches MACs in lower case.
func lower(mac platform.MAC) string { return strings.ToLower(mac.String()) }

func quoted(list []string) string {
	all := make([]string, len(list))
	for i, s := range list {
		all[i] = fmt.Sprintf("%q", s)
	}
	return strings.Join(all, ", ")
}

// missing returns the snippets that are not in the directory as they should be, and
// for root alone.
func missing(dir string, want []snippet) (absent []snippet, err error) {
	for _, s := range want {
		path := filepath.Join(dir, s.name)
		is, err := os.ReadFile(path)
		var info fs.FileInfo
		if err == nil {
			info, err = os.Stat(path)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("cannot read a cloud-init snippet: %w", err)
		}
		if err != nil || string(is) != s.text || info.Mode().Perm() != snippetMode {
			absent = append(absent, s)
		}
	}
	return absent, nil
}

// write puts snippets into the directory. They may hold secrets until the VM has
// read them.
func (s *Service) write(dir string, all []snippet) error {
	for _, snip := range all {
		if err := s.o.Seam("snippet:write:" + snip.name); err != nil {
			return err
		}
		err := os.MkdirAll(dir, 0o755)
		if err == nil {
			err = renameio.WriteFile(filepath.Join(dir, snip.name), []byte(snip.text), snippetMode)
		}
		if err != nil {
			return fmt.Errorf("cannot write a cloud-init snippet: %w", err)
		}
	}
	return nil
}

// removeSnippets takes a VM's snippets away, except those in keep.
func (s *Service) removeSnippets(dir, vm string, keep []snippet) error {
	all, err := filepath.Glob(filepath.Join(dir, snippetPrefix(vm)+"*.yaml"))
	if err != nil {
		return err
	}
	for _, path := range all {
		kept := false
		for _, k := range keep {
			kept = kept || filepath.Base(path) == k.name
		}
		if kept {
			continue
		}
		if err := s.o.Seam("snippet:remove:" + filepath.Base(path)); err != nil {
			return err
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot remove a cloud-init snippet: %w", err)
		}
	}
	return nil
}

// ownSnippets lists the files of the step's VM.
func (x set) ownSnippets() ([]string, error) {
	dir, err := x.snippetDir()
	if err != nil {
		return nil, err
	}
	return filepath.Glob(filepath.Join(dir, snippetPrefix(x.specs("")[0].Name)+"*.yaml"))
}
