package access

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/waddle-social/waddle/pkg/vms/rest"
)

// Try uses the client's token for a call that everybody may make. ErrRefused is in the error when Proxmox
// answers that it does not know the token, that it is expired, or that its user is.
func Try(ctx context.Context, c *rest.Client) error {
	err := c.Do(ctx, http.MethodGet, "/version", nil, nil)
	var refused *rest.Error
	if errors.As(err, &refused) && refused.Status == http.StatusUnauthorized {
		return fmt.Errorf("%w: %s", ErrRefused, refused.Message)
	}
	return err
}
