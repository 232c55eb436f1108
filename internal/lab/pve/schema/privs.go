package schema

// Privileges are all privileges that Proxmox VE 9 knows.
var Privileges = set(`
Permissions.Modify
VM.Allocate VM.Audit VM.Backup VM.Clone VM.Config.CDROM VM.Config.CPU VM.Config.Cloudinit VM.Config.Disk
VM.Config.HWType VM.Config.Memory VM.Config.Network VM.Config.Options VM.Console VM.GuestAgent.Audit
VM.GuestAgent.FileRead VM.GuestAgent.FileSystemMgmt VM.GuestAgent.FileWrite VM.GuestAgent.Unrestricted VM.Migrate
VM.PowerMgmt VM.Replicate VM.Snapshot VM.Snapshot.Rollback
Sys.AccessNetwork Sys.Audit Sys.Console Sys.Incoming Sys.Modify Sys.PowerMgmt Sys.Syslog
Datastore.Allocate Datastore.AllocateSpace Datastore.AllocateTemplate Datastore.Audit
SDN.Allocate SDN.Audit SDN.Use
Group.Allocate Realm.Allocate Realm.AllocateUser User.Modify
Pool.Allocate Pool.Audit
Mapping.Audit Mapping.Modify Mapping.Use`)
