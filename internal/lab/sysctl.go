package lab

import (
	"os"
	"path/filepath"
	"strings"
)

// everyNode holds in all namespaces of a lab: IPv6 whatever the machine says, and
// addresses that can be used at once instead of after duplicate address detection.
var everyNode = map[string]string{
	"net.ipv6.conf.all.disable_ipv6":     "0",
	"net.ipv6.conf.default.disable_ipv6": "0",
	"net.ipv6.conf.default.accept_dad":   "0",
	"net.ipv6.conf.default.accept_ra":    "0",
}

// router makes the internet namespace forward, also what comes in by another way
// than it would go out.
var router = map[string]string{
	"net.ipv4.ip_forward":             "1",
	"net.ipv6.conf.all.forwarding":    "1",
	"net.ipv4.conf.all.rp_filter":     "0",
	"net.ipv4.conf.default.rp_filter": "0",
}

func sysctlPath(key string) string {
	return filepath.Join("/proc/sys", strings.ReplaceAll(key, ".", "/"))
}

// writeSysctls sets values in the calling thread's network namespace.
func writeSysctls(values map[string]string) error {
	for key, value := range values {
		if err := os.WriteFile(sysctlPath(key), []byte(value), 0o644); err != nil {
			return err
		}
	}
	return nil
}
