package rest_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/waddle-social/waddle/pkg/vms/rest"
)

func TestWithoutATokenNothingIsSentAndTheErrorIsTheTokensOwn(t *testing.T) {
	_, o := node(t, func(rw http.ResponseWriter, _ *http.Request) { t.Error("it was asked"); answer(rw, nil) })
	own := fmt.Errorf("make one: %w", &rest.TokenError{File: "/etc/waddle/proxmox-token", Err: os.ErrNotExist})
	o.Token = func() (string, error) { return "", own }
	c := rest.New(*o)
	defer c.Close()
	if err := c.Do(t.Context(), "POST", "/x", nil, nil); err != own {
		t.Errorf("%v", err)
	}
	if _, err := c.Upload(t.Context(), "/x", nil, "a", strings.NewReader("abc"), 3); err != own {
		t.Errorf("%v", err)
	}
}
