package storage

import (
	"context"
	"path"
	"testing"

	"github.com/waddle-social/waddle/pkg/iscsi"
)

// counting is a configfs whose counters stand at something.
type counting struct{ iscsi.FS }

func (c counting) ReadFile(file string) (string, error) {
	text, err := c.FS.ReadFile(file)
	if n, is := map[string]string{
		"accepts": "7", "authenticate_fails": "2", "authorize_fails": "1", "in_cmds": "5120", "read_mbytes": "12", "write_mbytes": "40",
	}[path.Base(file)]; is && err == nil {
		return n + "\n", nil
	}
	return text, err
}

func TestAVolumesPageHasWhatItsTargetHasCounted(t *testing.T) {
	ctx, h := context.Background(), newHost(t)
	h.ready()
	m := h.machine()
	m.FS = counting{h.tree}
	b, err := Open(m, h.doc)
	must(t, err)
	_, err = b.Create(ctx, CreateRequest{Name: "data", Size: 32 * mib})
	must(t, err)
	v, err := b.Volume(ctx, "data")
	must(t, err)
	if v.Target.Counters == nil || *v.Target.Counters != (Counters{Logins: 7, Refused: 3, Commands: 5120, ReadMiB: 12, WrittenMiB: 40}) {
		t.Errorf("counted %+v", v.Target.Counters)
	}
	all, err := b.Volumes(ctx)
	must(t, err)
	if all[0].Target.Counters != nil {
		t.Error("a list reads all counters")
	}
}
