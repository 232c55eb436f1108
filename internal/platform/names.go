package platform

import "regexp"

var (
	labelRE   = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)
	domainRE  = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)
	bridgeRE  = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]*$`)
	poolRE    = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_.-]*$`)
	datasetRE = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_.-]*(/[a-zA-Z0-9][a-zA-Z0-9_.-]*)*$`)
	storageRE = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9._-]*[a-zA-Z0-9]$`)
	iqnRE     = regexp.MustCompile(`^iqn\.[0-9]{4}-(0[1-9]|1[0-2])(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?){2,}(:[a-z0-9]([a-z0-9.:-]*[a-z0-9])?)?$`)
	orgRE     = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?$`)
	slugRE    = regexp.MustCompile(`^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$`)
	bucketRE  = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{1,61}[a-z0-9])$`)
	vaultRE   = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9 ._-]*[a-zA-Z0-9])?$`)
	extRE     = regexp.MustCompile(`^[a-z0-9-]+/[a-z0-9][a-z0-9.-]*$`)
	groupRE   = regexp.MustCompile(`^[a-z_][a-z0-9_-]*$`)
	emailRE   = regexp.MustCompile(`^[^@\s]+@([a-zA-Z0-9-]+\.)+[a-zA-Z]{2,}$`)
	pathRE    = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$`)
	branchRE  = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*$`)
)

// Label is one label of a DNS name (RFC 1123), the form of host and VM names.
type Label string

func (Label) rule() rule {
	return matching(labelRE, 63, "a DNS label", "1 to 63 lower-case letters, digits and hyphens, no hyphen at either end (RFC 1123)", "waddle-1")
}

// Domain is a fully qualified DNS name without the final dot.
type Domain string

func (Domain) rule() rule {
	return matching(domainRE, 253, "a DNS name", "a DNS name of at least two labels in lower case, without a dot at the end; international names in their xn-- form", "waddle.social")
}

// Bridge is the name of a Linux bridge, at most IFNAMSIZ-1 bytes.
type Bridge string

func (Bridge) rule() rule {
	return matching(bridgeRE, 15, "a bridge's name", "1 to 15 letters, digits and underscores, a letter first", "vmbr1")
}

// Pool is the name of a ZFS pool.
type Pool string

func (Pool) rule() rule {
	return matching(poolRE, 128, "a pool's name", "a ZFS pool's name: letters, digits, '_', '-' and '.', a letter first", "rpool")
}

// Dataset is the full name of a ZFS dataset, without a snapshot.
type Dataset string

func (Dataset) rule() rule {
	return matching(datasetRE, 200, "a dataset's name", "a ZFS dataset's full name: the pool and names joined by '/', of letters, digits, '_', '-' and '.'", "rpool/k8s-csi")
}

// StorageID names a storage of Proxmox VE.
type StorageID string

func (StorageID) rule() rule {
	return matching(storageRE, 100, "a storage's id", "a Proxmox storage's id: at least two letters, digits, '.', '_' and '-', a letter first", "local-zfs")
}

// IQN is the base of the iSCSI qualified names of all targets (RFC 3720, 3.2.6.3.1).
type IQN string

func (IQN) rule() rule {
	return matching(iqnRE, 120, "the base of an iSCSI qualified name", "iqn.YYYY-MM. and a reversed domain of two labels or more, then optionally ':' and a name, all in lower case", "iqn.2026-01.social.waddle")
}

// Organization is the login of an organization on GitHub.
type Organization string

func (Organization) rule() rule {
	return matching(orgRE, 39, "a GitHub organization's login", "a GitHub organization's login: up to 39 letters, digits and hyphens", "waddle-social")
}

// Slug is the slug of a GitHub team or the name of a Teleport role.
type Slug string

func (Slug) rule() rule {
	return matching(slugRE, 100, "a slug", "lower-case letters, digits, '-' and '_' (of a team the slug in its address, not its title)", "platform-admins")
}

// Bucket is the name of an S3 bucket.
type Bucket string

func (Bucket) rule() rule {
	return matching(bucketRE, 63, "a bucket's name", "3 to 63 lower-case letters, digits and hyphens", "waddle-social-backups")
}

// Vault is the name of a vault in 1Password.
type Vault string

func (Vault) rule() rule {
	return matching(vaultRE, 64, "a vault's name", "a vault's name: letters, digits, spaces, '.', '_' and '-'", "waddle-platform")
}

// Extension is an official system extension of Talos.
type Extension string

func (Extension) rule() rule {
	return matching(extRE, 100, "an extension's name", "an official extension as the Image Factory lists it", "siderolabs/iscsi-tools")
}

// Group is a Unix group's name.
type Group string

func (Group) rule() rule {
	return matching(groupRE, 32, "a group's name", "a Unix group's name: lower-case letters, digits, '_' and '-'", "waddle")
}

// Email is an address for a certificate authority's notices.
type Email string

func (Email) rule() rule {
	return matching(emailRE, 254, "an e-mail address", "an e-mail address", "ops@waddle.social")
}

// Path is a relative path in a repository, without leading or trailing slash and without "..".
type Path string

func (Path) rule() rule {
	return matching(pathRE, 200, "a relative path", "a relative path of letters, digits, '.', '_' and '-', without '..' and without '/' at either end", "clusters/scaleway")
}

// Branch is a Git branch.
type Branch string

func (Branch) rule() rule {
	return matching(branchRE, 200, "a branch's name", "a branch's name without refs/heads/", "main")
}

func (b Branch) wrong() string {
	if len(b) > 5 && b[:5] == "refs/" {
		return quote(string(b), rule{}) + " is a ref, not a branch"
	}
	return ""
}
