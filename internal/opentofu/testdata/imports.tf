# tofu plan shows what would be imported; once it was, this file can go. See "Away from waddle" in
# waddle's docs/proxmox.md for who may change the VMs then.

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
