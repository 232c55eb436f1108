package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"syscall"
	"time"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/internal/problem"
)

// unreachable is the failure of a call that got no answer, with the likeliest
// way out.
func unreachable(err error, timeout time.Duration) *failure {
	return &failure{exit: exitUnreachable, problem: problem.New(codeUnreachable, wayOut(err, timeout), "%s", short(err))}
}

// short leaves out the URL that net/http puts into the middle of the message.
func short(err error) string {
	var far *client.UnreachableError
	var web *url.Error
	if errors.As(err, &far) && errors.As(far.Err, &web) {
		return fmt.Sprintf("cannot reach waddled at %s: %s", far.Server, web.Err)
	}
	return err.Error()
}

func wayOut(err error, timeout time.Duration) string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var record tls.RecordHeaderError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &unknown):
		return "copy the daemon's CA certificate from the host (waddle status names the file) and give it with --ca-file"
	case errors.As(err, &name):
		return "use one of the names and addresses that the certificate is for"
	case errors.As(err, &invalid):
		return "look at this machine's clock and at the certificate's dates"
	case errors.As(err, &record):
		return "this port does not speak TLS: is it waddled's?"
	case errors.Is(err, fs.ErrNotExist):
		return "is the daemon running? systemctl status waddled; for another host set a context, see waddle context set --help"
	case errors.Is(err, fs.ErrPermission):
		return "be root or a member of the group waddle: sudo waddle …, or adduser NAME waddle and log in again"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there: systemctl status waddled, and journalctl -u waddled for the reason"
	case errors.Is(err, context.DeadlineExceeded):
		return "nothing came within " + timeout.String() + ": --timeout waits longer; journalctl -u waddled may say more"
	}
	return "systemctl status waddled on the host; waddle context ls shows which daemon is meant"
}
