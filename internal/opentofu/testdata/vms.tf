resource "proxmox_virtual_environment_vm" "teleport" {
  name                = "teleport"
  description         = "teleport, kept by waddled"
  node_name           = "pve"
  vm_id               = 102
  tags                = ["teleport", "waddle"]
  bios                = "seabios"
  machine             = "q35"
  scsi_hardware       = "virtio-scsi-single"
  on_boot             = true
  started             = true
  reboot_after_update = false
  boot_order          = ["scsi0"]

  operating_system {
    type = "l26"
  }

  agent {
    enabled = true
  }

  cpu {
    cores = 2
    type  = "host"
  }

  memory {
    dedicated = 2048
    floating  = 0
  }

  disk {
    datastore_id = "local-zfs"
    interface    = "scsi0"
    size         = 20
    file_format  = "raw"
    import_from  = "local:import/debian-13-genericcloud-amd64-20260831-2587.qcow2"
    discard      = "on"
    ssd          = true
    iothread     = true
  }

  network_device {
    bridge      = "vmbr0"
    mac_address = "52:54:00:AB:CD:EF"
    model       = "virtio"
  }

  network_device {
    bridge      = "vmbr1"
    mac_address = "BC:24:11:0A:00:02"
    model       = "virtio"
  }

  serial_device {}

  initialization {
    datastore_id         = "local-zfs"
    interface            = "ide2"
    upgrade              = false
    network_data_file_id = "local:snippets/waddle-teleport-network-0a.yaml"
    vendor_data_file_id  = "local:snippets/waddle-teleport-vendor-0b.yaml"

    user_account {
      username = "ops"
      keys     = ["ssh-ed25519 AAAA operator@waddle.social"]
    }
  }

  lifecycle {
    prevent_destroy = true
    ignore_changes  = [initialization, disk[0].import_from]
  }
}

resource "proxmox_virtual_environment_vm" "waddle_cp_1" {
  name                = "waddle-cp-1"
  node_name           = "pve"
  vm_id               = 110
  tags                = ["talos", "waddle"]
  bios                = "seabios"
  machine             = "q35"
  scsi_hardware       = "virtio-scsi-single"
  on_boot             = true
  started             = true
  reboot_after_update = false
  boot_order          = ["scsi0"]

  operating_system {
    type = "l26"
  }

  agent {
    enabled = true
  }

  cpu {
    cores = 3
    type  = "host"
  }

  memory {
    dedicated = 8192
    floating  = 0
  }

  disk {
    datastore_id = "local-zfs"
    interface    = "scsi0"
    size         = 10
    file_format  = "raw"
    import_from  = "local:import/talos-v1.12.4-nocloud-amd64-dc7b152cb3ea.qcow2"
    discard      = "on"
    ssd          = true
    iothread     = true
  }

  network_device {
    bridge      = "vmbr1"
    mac_address = "BC:24:11:0A:00:10"
    model       = "virtio"
  }

  serial_device {}

  initialization {
    datastore_id = "local-zfs"
    interface    = "ide2"
    upgrade      = false

    dns {
      servers = ["1.1.1.1"]
    }

    ip_config {
      ipv4 {
        address = "10.10.0.10/24"
        gateway = "10.10.0.1"
      }
    }
  }

  lifecycle {
    prevent_destroy = true
    ignore_changes  = [initialization, disk[0].import_from]
  }
}

resource "proxmox_virtual_environment_vm" "waddle_cp_2" {
  name                = "waddle-cp-2"
  node_name           = "pve"
  vm_id               = 111
  tags                = ["talos", "waddle"]
  bios                = "seabios"
  machine             = "q35"
  scsi_hardware       = "virtio-scsi-single"
  on_boot             = true
  started             = true
  reboot_after_update = false
  boot_order          = ["scsi0"]

  operating_system {
    type = "l26"
  }

  agent {
    enabled = true
  }

  cpu {
    cores = 3
    type  = "host"
  }

  memory {
    dedicated = 8192
    floating  = 0
  }

  disk {
    datastore_id = "local-zfs"
    interface    = "scsi0"
    size         = 10
    file_format  = "raw"
    import_from  = "local:import/talos-v1.12.4-nocloud-amd64-dc7b152cb3ea.qcow2"
    discard      = "on"
    ssd          = true
    iothread     = true
  }

  network_device {
    bridge      = "vmbr1"
    mac_address = "BC:24:11:0A:00:11"
    model       = "virtio"
  }

  serial_device {}

  initialization {
    datastore_id = "local-zfs"
    interface    = "ide2"
    upgrade      = false

    dns {
      servers = ["1.1.1.1"]
    }

    ip_config {
      ipv4 {
        address = "10.10.0.11/24"
        gateway = "10.10.0.1"
      }
    }
  }

  lifecycle {
    prevent_destroy = true
    ignore_changes  = [initialization, disk[0].import_from]
  }
}

resource "proxmox_virtual_environment_vm" "waddle_cp_3" {
  name                = "waddle-cp-3"
  node_name           = "pve"
  vm_id               = 112
  tags                = ["talos", "waddle"]
  bios                = "seabios"
  machine             = "q35"
  scsi_hardware       = "virtio-scsi-single"
  on_boot             = true
  started             = true
  reboot_after_update = false
  boot_order          = ["scsi0"]

  operating_system {
    type = "l26"
  }

  agent {
    enabled = true
  }

  cpu {
    cores = 3
    type  = "host"
  }

  memory {
    dedicated = 8192
    floating  = 0
  }

  disk {
    datastore_id = "local-zfs"
    interface    = "scsi0"
    size         = 10
    file_format  = "raw"
    import_from  = "local:import/talos-v1.12.4-nocloud-amd64-dc7b152cb3ea.qcow2"
    discard      = "on"
    ssd          = true
    iothread     = true
  }

  network_device {
    bridge      = "vmbr1"
    mac_address = "BC:24:11:0A:00:12"
    model       = "virtio"
  }

  serial_device {}

  initialization {
    datastore_id = "local-zfs"
    interface    = "ide2"
    upgrade      = false

    dns {
      servers = ["1.1.1.1"]
    }

    ip_config {
      ipv4 {
        address = "10.10.0.12/24"
        gateway = "10.10.0.1"
      }
    }
  }

  lifecycle {
    prevent_destroy = true
    ignore_changes  = [initialization, disk[0].import_from]
  }
}

resource "proxmox_virtual_environment_vm" "vm_9_odd_example" {
  name                = "9-odd.example"
  description         = "tab\there, quote \" and $${not.a.template} %%{nor this}\nend \\"
  node_name           = "pve"
  vm_id               = 999
  tags                = ["ape", "waddle", "zebra"]
  bios                = "seabios"
  machine             = "pc"
  scsi_hardware       = "virtio-scsi-pci"
  on_boot             = false
  started             = false
  reboot_after_update = false
  boot_order          = ["scsi1", "net0"]

  operating_system {
    type = "l26"
  }

  agent {
    enabled = false
  }

  cpu {
    cores = 1
    type  = "x86-64-v2-AES"
  }

  memory {
    dedicated = 512
    floating  = 256
  }

  disk {
    datastore_id = "a"
    interface    = "scsi0"
    size         = 1
    file_format  = "raw"
  }

  disk {
    datastore_id = "b"
    interface    = "scsi1"
    size         = 2
    file_format  = "raw"
    discard      = "on"
    ssd          = true
    iothread     = true
  }

  disk {
    datastore_id = "b"
    interface    = "virtio3"
    size         = 3
    file_format  = "raw"
    discard      = "on"
    iothread     = true
  }

  disk {
    datastore_id = "b"
    interface    = "sata1"
    size         = 4
    file_format  = "raw"
    discard      = "on"
    ssd          = true
  }

  network_device {
    bridge      = "vmbr9"
    mac_address = "BC:24:11:00:00:01"
    model       = "e1000"
    vlan_id     = 7
    mtu         = 1400
  }

  initialization {
    datastore_id      = "a"
    interface         = "ide0"
    upgrade           = true
    user_data_file_id = "local:snippets/u.yaml"

    dns {
      domain = "example.org"
    }

    ip_config {
      ipv4 {
        address = "dhcp"
      }
    }

    ip_config {}

    ip_config {
      ipv6 {
        address = "2001:db8::2/64"
        gateway = "2001:db8::1"
      }
    }
  }

  startup {
    order      = 3
    up_delay   = 30
    down_delay = 60
  }

  lifecycle {
    prevent_destroy = true
    ignore_changes  = [initialization]
  }
}
