package vms

import "fmt"

// Effect is how a difference goes away.
type Effect string

// The effects, from the smallest to the largest.
const (
	EffectLive     Effect = "live"     // at once
	EffectReboot   Effect = "reboot"   // set at once, true when the VM has booted again
	EffectCreate   Effect = "create"   // the VM is made
	EffectRecreate Effect = "recreate" // only by making the VM anew; its disks are lost
)

// Difference is one thing that is not as the Spec says.
type Difference struct {
	Effect Effect `json:"effect"`
	Object string `json:"object"`         // "cores", "net0", "scsi0 size"
	Is     string `json:"is,omitempty"`   // what is there; empty when nothing is
	Want   string `json:"want,omitempty"` // what should be; empty when nothing should be
	Note   string `json:"note,omitempty"` // what the operator should know or do
	// Waits: it is set already, and waits for the VM to boot.
	Waits bool `json:"waits,omitempty"`
}

func (x Difference) String() string {
	s := fmt.Sprintf("%s %s", x.Effect, x.Object)
	if x.Is != "" {
		s += fmt.Sprintf(": is %q", x.Is)
	}
	if x.Want != "" {
		s += fmt.Sprintf(": want %q", x.Want)
	}
	if x.Note != "" {
		s += " (" + x.Note + ")"
	}
	return s
}

// Finding is the answer of a look.
type Finding struct {
	Exists      bool
	Running     bool
	Lock        string       // who holds it: backup, snapshot, rollback …
	Differences []Difference // none means that nothing is to be done
	Notes       []string     // worth knowing, no difference
}

// With returns the differences that go away in one of the ways.
func (f Finding) With(effects ...Effect) []Difference {
	var out []Difference
	for _, x := range f.Differences {
		for _, e := range effects {
			if x.Effect == e {
				out = append(out, x)
			}
		}
	}
	return out
}
