# tofu plan shows what would be imported; once it was, this file can go. Before that, waddled has
# to let go of the VMs: see "Away from waddle" in docs/proxmox.md.

import {
  to = proxmox_virtual_environment_vm.teleport
  id = "pve/102"
}

import {
  to = proxmox_virtual_environment_vm.waddle_cp_1
  id = "pve/110"
}

import {
  to = proxmox_virtual_environment_vm.waddle_cp_2
  id = "pve/111"
}

import {
  to = proxmox_virtual_environment_vm.waddle_cp_3
  id = "pve/112"
}

import {
  to = proxmox_virtual_environment_vm.vm_9_odd_example
  id = "pve/999"
}
