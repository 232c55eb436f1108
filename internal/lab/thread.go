package lab

import (
	"errors"
	"runtime"

	"golang.org/x/sys/unix"
)

var errNoReturn = errors.New("the function ended its goroutine instead of returning")

// onThread runs fn on an operating system thread that ends with it, so that fn may
// put the thread into other namespaces and nothing has to be put back.
func onThread(fn func() error) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the runtime ends the thread with the goroutine
		defer close(result)    // also when fn calls runtime.Goexit, as t.Fatal does
		// The runtime cannot end the first thread, and /proc/self is that thread's
		// view: leave it alone and take another one.
		if unix.Gettid() == unix.Getpid() {
			defer runtime.UnlockOSThread()
			result <- onThread(fn)
			return
		}
		result <- fn()
	}()
	err, returned := <-result
	if !returned {
		return errNoReturn
	}
	return err
}
