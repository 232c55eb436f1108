package pve

import (
	"maps"
	"slices"
	"strings"

	"github.com/waddle-social/waddle/internal/lab/pve/schema"
)

// builtin are the roles that Proxmox brings. Each is a list of privileges.
func builtin() map[string][]string {
	all := slices.Sorted(maps.Keys(schema.Privileges))
	vmUser := []string{"VM.Audit", "VM.Backup", "VM.Config.CDROM", "VM.Config.Cloudinit", "VM.Console", "VM.GuestAgent.Audit",
		"VM.GuestAgent.FileRead", "VM.GuestAgent.FileSystemMgmt", "VM.GuestAgent.FileWrite", "VM.PowerMgmt"}
	return map[string][]string{
		"Administrator":     all,
		"NoAccess":          {},
		"PVEAdmin":          without(all, "Permissions.Modify", "Realm.Allocate", "Sys.AccessNetwork", "Sys.Incoming", "Sys.Modify", "Sys.PowerMgmt"),
		"PVEAuditor":        {"Datastore.Audit", "Mapping.Audit", "Pool.Audit", "SDN.Audit", "Sys.Audit", "VM.Audit", "VM.GuestAgent.Audit"},
		"PVEDatastoreAdmin": {"Datastore.Allocate", "Datastore.AllocateSpace", "Datastore.AllocateTemplate", "Datastore.Audit"},
		"PVEDatastoreUser":  {"Datastore.AllocateSpace", "Datastore.Audit"},
		"PVEMappingAdmin":   {"Mapping.Audit", "Mapping.Modify", "Mapping.Use"},
		"PVEMappingAuditor": {"Mapping.Audit"},
		"PVEMappingUser":    {"Mapping.Audit", "Mapping.Use"},
		"PVEPoolAdmin":      {"Pool.Allocate", "Pool.Audit"},
		"PVEPoolUser":       {"Pool.Audit"},
		"PVESDNAdmin":       {"SDN.Allocate", "SDN.Audit", "SDN.Use"},
		"PVESDNUser":        {"SDN.Audit", "SDN.Use"},
		"PVESysAdmin":       {"Sys.Audit", "Sys.Console", "Sys.Syslog"},
		"PVETemplateUser":   {"VM.Audit", "VM.Clone"},
		"PVEUserAdmin":      {"Group.Allocate", "Realm.AllocateUser", "User.Modify"},
		"PVEVMAdmin":        only(all, "VM."),
		"PVEVMUser":         vmUser,
	}
}

func without(all []string, names ...string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(p string) bool { return slices.Contains(names, p) })
}

func only(all []string, prefix string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(p string) bool { return !strings.HasPrefix(p, prefix) })
}

func (s *Server) role(name string) ([]string, bool) {
	if privs, ok := builtin()[name]; ok {
		return privs, true
	}
	privs, ok := s.st.Roles[name]
	return privs, ok
}
