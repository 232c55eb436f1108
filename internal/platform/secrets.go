package platform

import (
	"fmt"
	"strings"
)

// Secrets is where secrets come from (plan: Secrets Management). Only references stand here.
type Secrets struct {
	// Who keeps the secrets.
	Provider SecretsProvider `json:"provider"`
	// Vault that holds all items.
	Vault Vault `json:"vault"`
	// The two secrets that are applied by hand once, before everything else can be read.
	Connect Connect `json:"connect"`
	// Items that the platform reads.
	Items SecretItems `json:"items"`
}

// SecretsProvider keeps the secrets.
type SecretsProvider string

func (SecretsProvider) rule() rule { return oneOf("1password") }

// Connect is 1Password's Connect server in the cluster.
type Connect struct {
	// 1password-credentials.json, the Connect server's identity. Default: op://VAULT/connect/credentials.
	Credentials Reference `json:"credentials"`
	// Token with which External Secrets reads from Connect. Default: op://VAULT/connect/token.
	Token Reference `json:"token"`
}

// SecretItems is the items of the plan's vault.
type SecretItems struct {
	// Cloudflare API token for cert-manager and External DNS. Default: op://VAULT/cloudflare/token.
	CloudflareToken Reference `json:"cloudflareToken"`
	// OAuth app on GitHub for Teleport, with the fields client_id and client_secret. Default: op://VAULT/teleport-github.
	TeleportGitHub Reference `json:"teleportGitHub"`
	// Key with which Flux reads the repository. Default: op://VAULT/flux-deploy-key.
	FluxDeployKey Reference `json:"fluxDeployKey"`
	// SpiceDB's preshared key. Default: op://VAULT/spicedb/preshared-key.
	SpiceDBKey Reference `json:"spicedbKey"`
	// Credentials of object storage, with the fields access_key and secret_key. Default: op://VAULT/object-storage.
	ObjectStorage Reference `json:"objectStorage"`
	// Password of PostgreSQL's superuser. Default: op://VAULT/postgres/password.
	PostgresSuperuser Reference `json:"postgresSuperuser"`
	// CHAP names and passwords, when storage.chap asks for them. Default: op://VAULT/iscsi-chap.
	ISCSIChap Reference `json:"iscsiChap"`
}

func (s *Secrets) fill() {
	or(&s.Provider, "1password")
	or(&s.Vault, "waddle-platform")
	or(&s.Connect.Credentials, s.ref("connect/credentials"))
	or(&s.Connect.Token, s.ref("connect/token"))
	i := &s.Items
	or(&i.CloudflareToken, s.ref("cloudflare/token"))
	or(&i.TeleportGitHub, s.ref("teleport-github"))
	or(&i.FluxDeployKey, s.ref("flux-deploy-key"))
	or(&i.SpiceDBKey, s.ref("spicedb/preshared-key"))
	or(&i.ObjectStorage, s.ref("object-storage"))
	or(&i.PostgresSuperuser, s.ref("postgres/password"))
	or(&i.ISCSIChap, s.ref("iscsi-chap"))
}

func (s *Secrets) ref(item string) Reference {
	return Reference("op://" + string(s.Vault) + "/" + item)
}

func (s *Secrets) check(f *faults) {
	const items = "spec.secrets.items."
	refs := []place[Reference]{
		{"spec.secrets.connect.credentials", s.Connect.Credentials},
		{"spec.secrets.connect.token", s.Connect.Token},
		{items + "cloudflareToken", s.Items.CloudflareToken},
		{items + "teleportGitHub", s.Items.TeleportGitHub},
		{items + "fluxDeployKey", s.Items.FluxDeployKey},
		{items + "spicedbKey", s.Items.SpiceDBKey},
		{items + "objectStorage", s.Items.ObjectStorage},
		{items + "postgresSuperuser", s.Items.PostgresSuperuser},
		{items + "iscsiChap", s.Items.ISCSIChap},
	}
	for _, r := range refs {
		if !strings.HasPrefix(string(r.value), "op://"+string(s.Vault)+"/") {
			f.add(r.path, fmt.Sprintf("%s is not in the vault %s, which {other} says: Connect's token reads no other", r.value, s.Vault),
				"a reference that begins with op://"+string(s.Vault)+"/", "spec.secrets.vault")
		}
	}
	distinct(f, refs, "stands for two secrets: also {other}", "an item or field of its own for each secret")
}
