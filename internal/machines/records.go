package machines

import (
	"time"

	"go.etcd.io/bbolt"

	"github.com/waddle-social/waddle/internal/state"
	"github.com/waddle-social/waddle/pkg/vms"
	"github.com/waddle-social/waddle/pkg/vms/images"
)

// This package's part of the state file.
const (
	vmBucket        state.Bucket[vms.Record]    = "vms"        // by name
	offBucket       state.Bucket[Off]           = "vms_off"    // by name
	imageBucket     state.Bucket[images.Record] = "images"     // by file name
	schematicBucket state.Bucket[registered]    = "schematics" // by factory and id
)

// records is vms.Records.
type records struct{ db *state.DB }

func (r records) Get(name string) (rec vms.Record, found bool, err error) {
	err = r.db.View(func(tx *bbolt.Tx) error {
		rec, found, err = vmBucket.Get(tx, []byte(name))
		return err
	})
	return rec, found, err
}

func (r records) Put(rec vms.Record) error {
	return r.db.Update("vm-record", func(tx *bbolt.Tx) error { return vmBucket.Put(tx, []byte(rec.Name), rec) })
}

func (r records) Delete(name string) error {
	return r.db.Update("vm-forget", func(tx *bbolt.Tx) error { return vmBucket.Delete(tx, []byte(name)) })
}

// Off is a VM's being off, or not there, on purpose: without it, one that is off is
// started, and one that is not there is made.
type Off struct {
	By      string    `json:"by"`
	At      time.Time `json:"at"`
	Deleted bool      `json:"deleted,omitempty"`
}

func (r records) off(name string) (o Off, is bool, err error) {
	err = r.db.View(func(tx *bbolt.Tx) error {
		o, is, err = offBucket.Get(tx, []byte(name))
		return err
	})
	return o, is, err
}

func (r records) keepOff(name string, o Off) error {
	return r.db.Update("vm-off", func(tx *bbolt.Tx) error { return offBucket.Put(tx, []byte(name), o) })
}

func (r records) keepOn(name string) error {
	if _, is, err := r.off(name); err != nil || !is {
		return err
	}
	return r.db.Update("vm-on", func(tx *bbolt.Tx) error { return offBucket.Delete(tx, []byte(name)) })
}

// imageRecords is images.Records.
type imageRecords struct{ db *state.DB }

func (r imageRecords) All() (map[string]images.Record, error) {
	all := map[string]images.Record{}
	err := r.db.View(func(tx *bbolt.Tx) error {
		return imageBucket.Each(tx, nil, func(_ []byte, rec images.Record) (bool, error) {
			all[rec.Name] = rec
			return true, nil
		})
	})
	return all, err
}

func (r imageRecords) Put(rec images.Record) error {
	return r.db.Update("image-record", func(tx *bbolt.Tx) error { return imageBucket.Put(tx, []byte(rec.Name), rec) })
}

func (r imageRecords) Delete(name string) error {
	return r.db.Update("image-forget", func(tx *bbolt.Tx) error { return imageBucket.Delete(tx, []byte(name)) })
}

// registered is a schematic that a factory has taken.
type registered struct {
	At time.Time `json:"at"`
}

func (r records) registered(key string) (at time.Time, is bool, err error) {
	err = r.db.View(func(tx *bbolt.Tx) error {
		got, found, err := schematicBucket.Get(tx, []byte(key))
		at, is = got.At, found
		return err
	})
	return at, is, err
}

func (r records) keepRegistered(key string) error {
	return r.db.Update("schematic", func(tx *bbolt.Tx) error {
		return schematicBucket.Put(tx, []byte(key), registered{time.Now().UTC()})
	})
}

func (r records) forgetRegistered(key string) error {
	return r.db.Update("schematic-forget", func(tx *bbolt.Tx) error { return schematicBucket.Delete(tx, []byte(key)) })
}
