package images

import "fmt"

// seam is passed by every side effect.
type seam func(op string) error

// Operations are the names that pass the seam, in the order of a first download by waddled, then of one by
// Proxmox, then of Prune.
func Operations() []string {
	return []string{
		"create the partial file", "write its source", "write the partial file", "sync the partial file", "rename the partial file",
		"remove the partial file", "record the checksum", "remove the unfinished volume", "upload the volume", "record the volume", "remove the download",
		"have Proxmox download", "have Proxmox delete", "forget the volume",
	}
}

func (s seam) do(op string, f func() error) error {
	if s != nil {
		if err := s(op); err != nil {
			return fmt.Errorf("%s: %w", op, err)
		}
	}
	return f()
}
