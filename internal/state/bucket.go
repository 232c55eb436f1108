package state

import (
	"encoding/json"
	"fmt"

	"go.etcd.io/bbolt"
)

// Bucket is a named part of the file that holds values of one type as JSON. Its
// user declares it; it comes into being with the first Put.
type Bucket[T any] string

// Put writes v under key.
func (b Bucket[T]) Put(tx *bbolt.Tx, key []byte, v T) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("cannot encode %s %q: %w", b, key, err)
	}
	bucket, err := tx.CreateBucketIfNotExists([]byte(b))
	if err != nil {
		return fmt.Errorf("cannot create bucket %s: %w", b, err)
	}
	return bucket.Put(key, data)
}

// Get returns the value under key and whether there is one.
func (b Bucket[T]) Get(tx *bbolt.Tx, key []byte) (v T, found bool, err error) {
	bucket := tx.Bucket([]byte(b))
	if bucket == nil {
		return v, false, nil
	}
	data := bucket.Get(key)
	if data == nil {
		return v, false, nil
	}
	v, err = b.decode(key, data)
	return v, err == nil, err
}

// Delete removes key; that there is none is no error.
func (b Bucket[T]) Delete(tx *bbolt.Tx, key []byte) error {
	bucket := tx.Bucket([]byte(b))
	if bucket == nil {
		return nil
	}
	return bucket.Delete(key)
}

// Next returns the bucket's next number. It rises strictly, also over restarts
// and after deletions.
func (b Bucket[T]) Next(tx *bbolt.Tx) (uint64, error) {
	bucket, err := tx.CreateBucketIfNotExists([]byte(b))
	if err != nil {
		return 0, fmt.Errorf("cannot create bucket %s: %w", b, err)
	}
	return bucket.NextSequence()
}

// Last returns the number that Next gave last, 0 when it never gave one. That
// the value under it was deleted makes no difference.
func (b Bucket[T]) Last(tx *bbolt.Tx) uint64 {
	bucket := tx.Bucket([]byte(b))
	if bucket == nil {
		return 0
	}
	return bucket.Sequence()
}

// Each calls fn in the order of the keys, from the first key that is not
// smaller than from, until fn answers false. The key is valid only during the
// call, and fn must not write to the bucket.
func (b Bucket[T]) Each(tx *bbolt.Tx, from []byte, fn func(key []byte, v T) (bool, error)) error {
	bucket := tx.Bucket([]byte(b))
	if bucket == nil {
		return nil
	}
	c := bucket.Cursor()
	for k, data := c.Seek(from); k != nil; k, data = c.Next() {
		if more, err := b.visit(k, data, fn); !more || err != nil {
			return err
		}
	}
	return nil
}

// EachBack is Each from the last key downwards. Keys not smaller than before
// are left out; nil leaves out none.
func (b Bucket[T]) EachBack(tx *bbolt.Tx, before []byte, fn func(key []byte, v T) (bool, error)) error {
	bucket := tx.Bucket([]byte(b))
	if bucket == nil {
		return nil
	}
	c := bucket.Cursor()
	k, data := c.Last()
	if before != nil {
		if at, _ := c.Seek(before); at != nil {
			k, data = c.Prev()
		} else {
			k, data = c.Last() // all keys are smaller
		}
	}
	for ; k != nil; k, data = c.Prev() {
		if more, err := b.visit(k, data, fn); !more || err != nil {
			return err
		}
	}
	return nil
}

func (b Bucket[T]) visit(k, data []byte, fn func([]byte, T) (bool, error)) (bool, error) {
	v, err := b.decode(k, data)
	if err != nil {
		return false, err
	}
	return fn(k, v)
}

func (b Bucket[T]) decode(key, data []byte) (v T, err error) {
	if err := json.Unmarshal(data, &v); err != nil {
		return v, fmt.Errorf("cannot decode %s %q: %w", b, key, err)
	}
	return v, nil
}
