package execute

import (
	"encoding/json"
	"strings"

	"github.com/waddle-social/waddle/pkg/zfs"
)

// shareContext is the volume_context that the driver keeps on a volume.
type shareContext struct {
	Driver    string `json:"node_attach_driver"`
	Portal    string `json:"portal"`
	Portals   string `json:"portals"`
	Interface string `json:"interface"`
	IQN       string `json:"iqn"`
	LUN       int    `json:"lun"`
}

// wrongContext says what is wrong with a volume's context. Nodes log in to what
// it names, and it outlives the key that wrote it, so it may name our own portal
// and the volume's own target only.
func (e *Executor) wrongContext(text string, v zfs.Volume) string {
	var is shareContext
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&is); err != nil || d.More() {
		return "it is not the driver's JSON"
	}
	iqn, err := e.iqn(v)
	if err != nil {
		return "the volume can have no target"
	}
	want := shareContext{Driver: "iscsi", Portal: e.o.Policy.Portal.String(), IQN: iqn.String()}
	if is != want {
		return "it has to name portal " + want.Portal + ", target " + want.IQN + " and LUN 0"
	}
	return ""
}
