package platform

import "fmt"

// Apps is the platform's applications.
type Apps struct {
	// SpiceDB (plan: SpiceDB Architecture).
	SpiceDB SpiceDB `json:"spicedb"`
}

// SpiceDB is the permissions database and its PostgreSQL.
type SpiceDB struct {
	// Public name of the gRPC endpoint. Default: spicedb. and dns.apps.
	Host Domain `json:"host"`
	// Who may connect from the internet: Cloudflare's published ranges, or anybody with the preshared key.
	AllowFrom AllowFrom `json:"allowFrom"`
	// Instances of SpiceDB.
	Replicas Replicas `json:"replicas"`
	// Its database.
	Postgres Postgres `json:"postgres"`
}

// AllowFrom is who may connect.
type AllowFrom string

func (AllowFrom) rule() rule { return oneOf("cloudflare", "anywhere") }

// Postgres is a PostgreSQL cluster of CloudNativePG.
type Postgres struct {
	// Instances: one primary, the others replicas.
	Instances Replicas `json:"instances"`
	// Size of each instance's volume.
	Storage Size `json:"storage"`
}

func (a *Apps) fill(d *DNS) {
	or(&a.SpiceDB.Host, "spicedb."+d.Apps)
	or(&a.SpiceDB.AllowFrom, "cloudflare")
	or(&a.SpiceDB.Replicas, 1)
	or(&a.SpiceDB.Postgres.Instances, 2)
	or(&a.SpiceDB.Postgres.Storage, 20*GiB)
}

func (a *Apps) check(d *DNS, s *Storage, f *faults) {
	if !a.SpiceDB.Host.below(d.Apps) {
		f.add("spec.apps.spicedb.host", fmt.Sprintf("%s is not below %s, which {other} says: HAProxy would drop it", a.SpiceDB.Host, d.Apps),
			"a name that ends in ."+string(d.Apps), "spec.dns.apps")
	}
	const path = "spec.apps.spicedb.postgres.storage"
	need := a.SpiceDB.Postgres.Storage * Size(a.SpiceDB.Postgres.Instances)
	if s.Quota > 0 && need > s.Quota {
		f.add(path, fmt.Sprintf("%d instances with %s each need %s, more than {other} lets through, which is %s",
			a.SpiceDB.Postgres.Instances, a.SpiceDB.Postgres.Storage, need, s.Quota), "at most "+s.Quota.String()+" for all instances", "spec.storage.quota")
	}
}
