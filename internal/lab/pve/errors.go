package pve

import (
	"fmt"
	"strings"
)

// apiError is an answer that is not a success.
type apiError struct {
	status  int
	message string            // ends in a newline, as Proxmox's do
	params  map[string]string // what is wrong with which parameter
}

func (e *apiError) Error() string { return strings.TrimSpace(e.message) }

// die is Perl's: the call ends with status 500 and this text.
func die(format string, args ...any) error {
	return &apiError{status: 500, message: fmt.Sprintf(format, args...) + "\n"}
}

func wrongParams(errs map[string]string) error {
	return &apiError{status: 400, message: "Parameter verification failed.\n", params: errs}
}

func wrongParam(name, format string, args ...any) error {
	return wrongParams(map[string]string{name: fmt.Sprintf(format, args...)})
}

func forbidden(what string) error {
	message := "Permission check failed\n"
	if what != "" {
		message = "Permission check failed (" + what + ")\n"
	}
	return &apiError{status: 403, message: message}
}

func unauthenticated(text string) error { return &apiError{status: 401, message: text + "\n"} }
