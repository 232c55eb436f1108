package storage

import "time"

// State is how a volume is doing, in one word.
type State string

// The states of a volume.
const (
	Ready      State = "ready"      // its target is as it should be
	Incomplete State = "incomplete" // democratic-csi was stopped in the middle of making it
	Unexported State = "unexported" // its target is missing or says something else: Repair makes it right
	Private    State = "private"    // made without a target
	Older      State = "older"      // an older host's; Adopt takes it over
	Clashing   State = "clashing"   // another volume has the same target name
)

// Volume is a volume with all that is known of it. Sizes are bytes.
type Volume struct {
	Name        string // the last component of Dataset, democratic-csi's id; where it is, when several have that (names.go)
	Dataset     string // the whole name of the zvol
	Legacy      bool   // right below the root dataset, as older hosts have them
	Device      string // path of its device link
	State       State
	Faults      []string // what is wrong with it, in sentences; empty when nothing is
	Size        uint64   // what the initiator sees
	Block       uint64   // sizes are multiples of it
	Used        uint64   // what it takes of the pool, snapshots included
	Referenced  uint64   // what its present data takes
	Logical     uint64   // the same before compression
	BySnapshots uint64
	Reserved    uint64  // 0: thin
	Compression float64 // ratio: 1.80 is 1.8 to 1
	Created     time.Time
	Origin      string     // the snapshot that it is a clone of; empty when it is none
	Snapshots   []Snapshot // oldest first, without detached ones
	Claim       *Claim     // nil: not made by democratic-csi
	Target      *Target    // nil: there is none
}

// Claim is what democratic-csi wrote on a volume that it made.
type Claim struct {
	Volume     string // csi_volume_name: the PersistentVolume's name
	Instance   string // instance_id of the driver
	Complete   bool   // provision_success
	SourceType string // "snapshot" or "volume" when it was made from one
	SourceID   string
}

// Target is a volume's target as the kernel has it.
type Target struct {
	IQN       string
	Enabled   bool
	Portals   []string
	LUN       int
	Backstore string
	Device    string
	Sessions  []Session
	Counters  *Counters // of a volume that was asked for alone; nil in lists
}

// Counters are what a target has counted since it was made, which is the last
// boot at the earliest.
type Counters struct {
	Logins     uint64
	Refused    uint64 // logins without the right CHAP secret, or refused otherwise
	Commands   uint64
	ReadMiB    uint64
	WrittenMiB uint64
}

// Session is an initiator that is logged in.
type Session struct {
	Volume    string // empty when no volume has this target
	IQN       string
	Initiator string
	State     string
	// Addresses of its connections. The kernel does not tell them for an
	// initiator without an ACL of its own, which is what Talos nodes are.
	Addresses []string
}

// Snapshot is a snapshot of a volume, or a detached one (a full copy of its own).
type Snapshot struct {
	Name       string // behind the @; of a detached one behind the last slash
	Volume     string
	Dataset    string // whole name
	Detached   bool
	Claim      string // csi_snapshot_name; empty when democratic-csi did not make it
	Created    time.Time
	Used       uint64
	Referenced uint64
	Size       uint64   // the volume's when it was taken
	Clones     []string // volumes made from it, which keep it from being deleted
}

// OrphanKind says what does not belong together.
type OrphanKind string

// The kinds of orphan. docs/storage.md has a line for each.
const (
	VolumeWithoutTarget    OrphanKind = "volume-without-target"    // or with one that says something else
	TargetWithoutVolume    OrphanKind = "target-without-volume"    // its zvol is gone
	BackstoreWithoutTarget OrphanKind = "backstore-without-target" // left by a delete that was killed
	IncompleteVolume       OrphanKind = "incomplete-volume"        // democratic-csi never finished it
	ShrunkVolume           OrphanKind = "shrunk-volume"            // a rollback was killed before it gave the size back
	OlderVolume            OrphanKind = "older-volume"             // to be adopted
	ClashingVolume         OrphanKind = "clashing-volume"          // two volumes of one target name
	UnreadableName         OrphanKind = "unreadable-name"          // a dataset whose name waddle would not make
	UnfinishedSnapshot     OrphanKind = "unfinished-snapshot"      // a copy's helper snapshot that was left
)

// Orphan is something that does not belong together.
type Orphan struct {
	Kind   OrphanKind
	Object string // "volume rpool/k8s-csi/v/pvc-1", "target iqn.…", "backstore pvc-1"
	Volume string // the volume's name; empty when there is none
	Detail string // what is wrong, a sentence
	Advice string // what to do; empty when Repair does it
	Repair bool   // Repair sees to it
}

// Repaired is what Repair did with one object.
type Repaired struct {
	Object  string
	Changes []string // what was done, e.g. "make portal 10.10.0.1:3260"
	Err     error    // why it could not be repaired; nil when it was
}
