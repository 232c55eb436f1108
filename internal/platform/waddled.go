package platform

import "fmt"

// Waddled is the daemon itself.
type Waddled struct {
	// Port of the API on the host's internal address.
	Port Port `json:"port"`
	// Group whose members may use the API through the unix socket, beside root. A change takes effect when the daemon is started again.
	SocketGroup Group `json:"socketGroup"`
	// How often the daemon looks for drift when the kernel has reported none. A change takes effect when the daemon is started again.
	ReconcileInterval Duration `json:"reconcileInterval"`
	// Bounds on what callers may ask for. A change takes effect when the daemon is started again.
	Limits Limits `json:"limits"`
	// How long the daemon remembers operations. A change takes effect when the daemon is started again.
	Retention Retention `json:"retention"`
}

// Limits is bounds on what callers may ask for.
type Limits struct {
	// Longest time for a request that does not wait or stream.
	RequestTimeout Duration `json:"requestTimeout"`
	// Failed authentications from one address in a minute, after which it is turned away.
	FailedAuthentications Count `json:"failedAuthentications"`
}

// Retention is how long finished operations are kept: until either bound is passed.
type Retention struct {
	// How many operations are kept.
	Operations Count `json:"operations"`
	// How long an operation is kept.
	Age Duration `json:"age"`
}

// ProxmoxPort is where Proxmox VE's web interface listens on all of the host's addresses.
const ProxmoxPort = 8006

func (w *Waddled) fill() {
	or(&w.Port, 7443)
	or(&w.SocketGroup, "waddle")
	or(&w.ReconcileInterval, Duration(30*second))
	or(&w.Limits.RequestTimeout, Duration(minute))
	or(&w.Limits.FailedAuthentications, 10)
	or(&w.Retention.Operations, 500)
	or(&w.Retention.Age, Duration(90*day))
}

// check also finds two services of the host's internal address on one port.
func (w *Waddled) check(h *Host, s *Storage, f *faults) {
	ports := []place[Port]{
		{"spec.host.ssh.port", h.SSH.Port},
		{portalPath, Port(s.Portal.Port())},
		{"spec.storage.endpointPort", s.EndpointPort},
		{"spec.waddled.port", w.Port},
	}
	distinct(f, ports, "is used twice on the host: also {other}", "a port of its own for each of SSH, iSCSI, the storage endpoint and the API")
	for _, p := range ports {
		if p.value == ProxmoxPort {
			f.add(p.path, fmt.Sprintf("%d is the port of the Proxmox UI", p.value), "another port")
		}
	}
	within(f, "spec.waddled.reconcileInterval", w.ReconcileInterval, Duration(5*second), Duration(day))
	within(f, "spec.waddled.limits.requestTimeout", w.Limits.RequestTimeout, Duration(second), Duration(hour))
}
