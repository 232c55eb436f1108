package daemon

import (
	"fmt"

	"github.com/waddle-social/waddle/internal/machines"
	"github.com/waddle-social/waddle/internal/opentofu"
	"github.com/waddle-social/waddle/internal/platform"
)

// export is the VMs exactly as they are made, for OpenTofu on a machine of the internal network.
func export(p *platform.Platform) ([]opentofu.File, error) {
	specs, err := machines.Specs(p)
	if err != nil {
		return nil, err
	}
	endpoint := fmt.Sprintf("https://%s:%d/", p.Spec.Network.Internal.Address, platform.ProxmoxPort)
	return opentofu.Render(string(p.Spec.Host.Node), endpoint, specs), nil
}
