package platform

// APIVersion is the only version of the document that this program reads.
const APIVersion = "waddle.social/v1alpha1"

// Kind is the only kind of document that this program reads.
const Kind = "Platform"

// Platform is one platform on one Proxmox VE host: what the host, its network,
// its VMs and the cluster on them have to be.
type Platform struct {
	// Version of the document's format.
	APIVersion FormatVersion `json:"apiVersion" platform:"required"`
	// Kind of the document.
	Kind DocumentKind `json:"kind" platform:"required"`
	// What the platform is called.
	Metadata Metadata `json:"metadata"`
	// What the platform has to be.
	Spec Spec `json:"spec"`
}

// Metadata names the platform.
type Metadata struct {
	// Name of the platform, used in titles and in names that have to be unique outside the host (the bucket for backups).
	Name Label `json:"name"`
}

// Spec is the desired state: one field for each table of the plan.
type Spec struct {
	// The Proxmox VE host itself.
	Host Host `json:"host"`
	// Bridges, addresses, NAT and resolvers.
	Network Network `json:"network"`
	// Names under which the platform is reached.
	DNS DNS `json:"dns"`
	// Certificates for public names.
	TLS TLS `json:"tls"`
	// The virtual machines.
	VMs VMs `json:"vms"`
	// Talos Linux and the Kubernetes cluster that it carries.
	Talos Talos `json:"talos"`
	// Volumes for the cluster: ZFS, iSCSI and democratic-csi.
	Storage Storage `json:"storage"`
	// Teleport, the only way in.
	Teleport Teleport `json:"teleport"`
	// Where secrets come from. References only: a secret value never stands in this file.
	Secrets Secrets `json:"secrets"`
	// The repository that Flux reconciles.
	GitOps GitOps `json:"gitops"`
	// Versions of what is installed in the cluster.
	Components Components `json:"components"`
	// Applications of the platform.
	Apps Apps `json:"apps"`
	// Backups of the cluster and of its databases.
	Backups Backups `json:"backups"`
	// The host's firewall in phase 0 and phase 3.
	Lockdown Lockdown `json:"lockdown"`
	// The daemon itself.
	Waddled Waddled `json:"waddled"`
}

// FormatVersion is the document's apiVersion.
type FormatVersion string

func (FormatVersion) rule() rule { return oneOf(APIVersion) }

// DocumentKind is the document's kind.
type DocumentKind string

func (DocumentKind) rule() rule { return oneOf(Kind) }

func (m *Metadata) fill() { or(&m.Name, "waddle-social") }
