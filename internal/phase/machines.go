package phase

import (
	"context"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/machines"
	"github.com/waddle-social/waddle/internal/platform"
)

// Machines is what the phases need of Proxmox VE: *machines.Service.
type Machines interface {
	CheckAccess(context.Context, *platform.Platform) (engine.Result, error)
	DebianImage(*platform.Platform) machines.Work
	TeleportVM(*platform.Platform) machines.Work
	Schematic(*platform.Platform) machines.Work
	TalosImage(*platform.Platform) machines.Work
	TalosVMs(*platform.Platform) machines.Work
}

// proxmoxAccess is the gate before everything that is made in Proxmox VE.
const proxmoxAccess = "proxmox.access"

// proxmoxGate opens when the API takes our token. Nobody can acknowledge it.
func proxmoxGate(p *platform.Platform, m Machines) engine.Step {
	return engine.Step{
		ID: proxmoxAccess, Title: "Give waddled access to Proxmox VE",
		Plan: "Phase 2, step 1", Area: "proxmox", CheckEarly: true,
		Gate:  &engine.Gate{Instruction: machines.AccessInstruction},
		Check: func(ctx context.Context) (engine.Result, error) { return m.CheckAccess(ctx, p) },
	}
}

// does completes s with what it does.
func does(w machines.Work, s engine.Step) engine.Step {
	s.Check, s.Apply, s.Undo = w.Check, w.Apply, w.Undo
	return s
}
