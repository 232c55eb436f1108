package iscsi

// Target is the whole desired state of one target: one portal group (tag 1).
type Target struct {
	IQN     IQN
	Portals []Portal
	LUNs    []LUN
	// ACLs are the initiators that may log in. Without any, Attributes has to
	// have generate_node_acls=1, and whoever reaches the portal may.
	ACLs []ACL
	// CHAP is what an initiator without an ACL of its own has to know.
	CHAP CHAP
	// Attributes are the portal group's (tpgt_1/attrib), each a decimal number.
	// authentication is 1 when there is any CHAP and 0 otherwise, unless given.
	Attributes map[string]string
}

// LUN is a backstore under a number, 0 to 255.
type LUN struct {
	Number    int
	Backstore Backstore
}

// Backstore is a block device as LIO holds it (iblock).
type Backstore struct {
	// Name is unique on the host. Default: what stands behind the base name in
	// the target's IQN, with -lun<number> for a number other than 0.
	Name   string
	Device string // path below the client's device folder
	// Serial is the unit serial (VPD page 0x80) that initiators know the disk by.
	// Default: derived from Name, so that it is the same after a reboot; then the
	// serial of a backstore that is in use already is left as it is.
	Serial     string
	Attributes map[string]string // attrib, each a decimal number
}

// ACL is one initiator that may log in, to all LUNs.
type ACL struct {
	Initiator IQN
	CHAP      CHAP
}

// CHAP is what both sides have to know. Without User there is none; with
// MutualUser the target proves itself to the initiator too.
type CHAP struct {
	User           string
	Password       Secret
	MutualUser     string
	MutualPassword Secret
}
