package server

import (
	"syscall"
	"unsafe"
)

// setgroups is for the calling thread alone; syscall.Setgroups is for all.
func setgroups(list []uint32) error {
	var first unsafe.Pointer
	if len(list) > 0 {
		first = unsafe.Pointer(&list[0])
	}
	if _, _, e := syscall.RawSyscall(syscall.SYS_SETGROUPS, uintptr(len(list)), uintptr(first), 0); e != 0 {
		return e
	}
	return nil
}
