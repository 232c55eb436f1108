package vms

import "time"

// State is how far the making of a VM has come.
type State string

// The states of a record.
const (
	StateCreating State = "creating" // from before the create until the VM is as declared
	StateReady    State = "ready"
	StateDeleting State = "deleting"
)

// Record is what the driver keeps of a VM that is its own.
type Record struct {
	Name    string            `json:"name"`
	ID      int               `json:"id"`
	UUID    string            `json:"uuid"` // in the VM's SMBIOS, lower case
	State   State             `json:"state"`
	From    int               `json:"from,omitempty"`   // of a clone: the number of the VM that it was made from
	Images  map[string]string `json:"images,omitempty"` // what each disk was imported from, by slot
	Made    time.Time         `json:"made"`
	Started bool              `json:"started,omitempty"` // it was started since: its guest may have written something
	// Unread are settings on the cloud-init drive that were changed while the VM ran, with the
	// process of QEMU whose guest has read the older ones.
	Unread  map[string]int `json:"unread,omitempty"`
	Adopted bool           `json:"adopted,omitempty"` // it was made by others
}

// hasNotRead tells whether the guest of that process runs with an older value.
func (r Record) hasNotRead(option string, pid int) bool {
	at, there := r.Unread[option]
	return there && at == pid
}

func (d *Driver) record(name string) (Record, bool, error) {
	r, there, err := d.o.Records.Get(name)
	if err != nil {
		return r, false, fail(KindRecords, err, "look at the daemon's state file", "the record of VM %s cannot be read: %v", name, err)
	}
	return r, there, nil
}

func (d *Driver) keep(r Record) error {
	if err := d.op("record"); err != nil {
		return err
	}
	if err := d.o.Records.Put(r); err != nil {
		return fail(KindRecords, err, "look at the daemon's state file", "the record of VM %s cannot be written: %v", r.Name, err)
	}
	return nil
}

// forget removes a record unless another one has taken its place.
func (d *Driver) forget(rec Record) error {
	now, there, err := d.record(rec.Name)
	if err != nil || !there || now.UUID != rec.UUID {
		return err
	}
	return d.drop(rec.Name)
}

func (d *Driver) drop(name string) error {
	if err := d.op("forget"); err != nil {
		return err
	}
	if err := d.o.Records.Delete(name); err != nil {
		return fail(KindRecords, err, "look at the daemon's state file", "the record of VM %s cannot be removed: %v", name, err)
	}
	return nil
}
