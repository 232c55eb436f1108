package zfs

import (
	"context"
	"fmt"
	"strconv"
)

// Create makes a volume and waits for its device, whose path it returns. The
// size has to be a positive multiple of the block size; zfs would round up
// silently, and the caller would account for another size than it got.
func (c *Client) Create(ctx context.Context, s CreateVolumeSpec) (device string, err error) {
	block := uint64(defaultBlock)
	for _, p := range s.Properties {
		if p.name == "volblocksize" {
			if block, err = ParseSize(p.value); err != nil {
				return "", fmt.Errorf("cannot create volume %s: volblocksize: %w", s.Volume, err)
			}
		}
	}
	if err := checkSize(s.Size, block); err != nil {
		return "", &Error{Op: "create volume", Object: s.Volume.full, Kind: ErrInvalid, Code: 1, Text: err.Error()}
	}
	if _, err := c.Run(ctx, CreateVolume(s)); err != nil {
		return "", err
	}
	return c.WaitDevice(ctx, s.Volume)
}

// Resize grows a volume to size bytes, a multiple of its block size. The size it
// has already is success; a smaller one is ErrShrink.
func (c *Client) Resize(ctx context.Context, v Volume, size uint64) error {
	infos, err := c.Get(ctx, nil, v)
	if err != nil {
		return err
	}
	is := infos[0]
	if is.Type != Volumes {
		return &Error{Op: "resize", Object: v.full, Kind: ErrInvalid, Code: 1, Text: "it is a " + is.Type + ", not a volume"}
	}
	if err := checkSize(size, is.VolumeBlock); err != nil {
		return &Error{Op: "resize", Object: v.full, Kind: ErrInvalid, Code: 1, Text: err.Error()}
	}
	if size == is.VolumeSize {
		return nil
	}
	p, err := NewProperty("volsize", strconv.FormatUint(size, 10))
	if err != nil {
		return err
	}
	_, err = c.Run(ctx, Set(v, p))
	return err
}

// CloneVolume makes a volume from a snapshot and waits for its device.
func (c *Client) CloneVolume(ctx context.Context, from Snapshot, to Volume, properties ...Property) (device string, err error) {
	if _, err := c.Run(ctx, Clone(from, to, properties...)); err != nil {
		return "", err
	}
	return c.WaitDevice(ctx, to)
}

// defaultBlock is zfs's volblocksize since OpenZFS 2.2.
const defaultBlock = 16 << 10

// checkSize refuses what zfs would refuse or round.
func checkSize(size, block uint64) error {
	switch {
	case block == 0 || block&(block-1) != 0 || block < 512 || block > 16<<20:
		return fmt.Errorf("block size %d is not a power of two from 512 to 16M", block)
	case size == 0:
		return fmt.Errorf("volume size cannot be zero")
	case size > 1<<63-1:
		return fmt.Errorf("size %d is beyond what zfs can hold", size)
	case size%block != 0:
		up := (size/block + 1) * block
		return fmt.Errorf("size %d must be a multiple of the volume block size %d; the next is %d", size, block, up)
	}
	return nil
}

// ParseSize reads a size as zfs takes it: bytes, or a number with K, M, G, T or
// P for powers of 1024.
func ParseSize(s string) (uint64, error) {
	digits, shift := s, 0
	if n := len(s); n > 0 {
		switch s[n-1] {
		case 'K', 'k':
			shift = 10
		case 'M', 'm':
			shift = 20
		case 'G', 'g':
			shift = 30
		case 'T', 't':
			shift = 40
		case 'P', 'p':
			shift = 50
		}
		if shift > 0 {
			digits = s[:n-1]
		}
	}
	v, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || v > (1<<63-1)>>shift {
		return 0, fmt.Errorf("%s is not a size in bytes", quote(s))
	}
	return v << shift, nil
}
