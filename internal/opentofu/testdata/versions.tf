terraform {
  required_version = ">= 1.6.0"

  required_providers {
    proxmox = {
      source  = "bpg/proxmox"
      version = ">= 0.80.0"
    }
  }
}

# The token comes from the environment: PROXMOX_VE_API_TOKEN=USER@REALM!NAME=SECRET.
# Take one of your own, not waddled's. The node's CA is /etc/pve/pve-root-ca.pem.
provider "proxmox" {
  endpoint = "https://10.10.0.1:8006/"
}
