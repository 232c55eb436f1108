package schema

// Deliberate are the differences between these tables and the published schema that are
// meant: what a difference's line begins with, and why.
func Deliberate() map[string]string {
	return map[string]string{
		"PUT /storage/{storage} has no ": "options of storage types that a lab does not have (Ceph, iSCSI, LVM, NFS, CIFS, PBS)",
	}
}
