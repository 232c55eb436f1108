package platform

// Port is a TCP port.
type Port int

func (Port) rule() rule { return between(1, 65535) }

// VMID is a VM's number in Proxmox VE, which reserves those below 100.
type VMID int

func (VMID) rule() rule { return between(100, 999999999) }

// Cores is a number of virtual or real CPU threads.
type Cores int

func (Cores) rule() rule { return between(1, 512) }

// Replicas is a number of instances of one program.
type Replicas int

func (Replicas) rule() rule { return between(1, 9) }

// Count is how many of something are kept or let through.
type Count int

func (Count) rule() rule { return between(1, 1000000) }

// Percent is a share of something, which may be more than the whole.
type Percent int

func (Percent) rule() rule { return between(10, 1000) }
