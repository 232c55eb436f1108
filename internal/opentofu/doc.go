// Package opentofu renders the platform's VMs as a configuration for OpenTofu with the provider bpg/proxmox,
// with an import block for each, so that nobody is locked in.
//
// It is pure: it reads and writes nothing. No secret is rendered: the provider takes its token from the
// environment (PROXMOX_VE_API_TOKEN).
package opentofu
