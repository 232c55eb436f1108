package images

// Privilege is something that the token of Options.API has to be allowed.
type Privilege struct {
	Path string // of the ACL, with propagation
	Name string // of the privilege
	For  string // what cannot be done without it
}

// Privileges are those that the calls of this package need, and no more.
func Privileges() []Privilege {
	return []Privilege{
		{Path: "/storage", Name: "Datastore.AllocateSpace", For: "looking at a storage and the images in it"},
		{Path: "/storage", Name: "Datastore.AllocateTemplate", For: "bringing images into a storage"},
		{Path: "/storage", Name: "Datastore.Allocate", For: "removing images"},
		{Path: "/nodes", Name: "Sys.AccessNetwork", For: "having Proxmox download images"},
	}
}
