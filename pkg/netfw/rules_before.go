package netfw

import (
	"context"
	"slices"
)

// RulesBefore is what was there before the first ApplyRules of some parts.
type RulesBefore struct {
	Families []FamilyBefore `json:"families"`
	Files    []FileState    `json:"files"`   // our rule files
	Foreign  []ForeignFile  `json:"foreign"` // netfilter-persistent's
	Pins     *PinsBefore    `json:"pins,omitempty"`
}

// PinsBefore is our table of the bridge family. Rules in it that waddled did not
// write are not kept.
type PinsBefore struct {
	Exists bool     `json:"exists"`
	Rules  []string `json:"rules,omitempty"`
}

func capturePins(is bridgePins) *PinsBefore { return &PinsBefore{is.exists, is.known()} }

// FamilyBefore is the part of it in the kernel.
type FamilyBefore struct {
	Family Family        `json:"family"`
	Chains []ChainBefore `json:"chains"`
	Tables []TableBefore `json:"tables"`
}

// ChainBefore is one of our chains, and the built-in chain that jumps to it.
type ChainBefore struct {
	Table  string       `json:"table"`
	Name   string       `json:"name"`
	Exists bool         `json:"exists"`
	Rules  []string     `json:"rules,omitempty"`
	Hook   string       `json:"hook"`
	Around []HookBefore `json:"around,omitempty"` // every rule of the hook, in order
}

// HookBefore is a rule of a built-in chain.
type HookBefore struct {
	Text string `json:"text"`
	Ours bool   `json:"ours,omitempty"` // the jump, or a line that adoption takes out
}

// TableBefore is an nftables table with its built-in chains. Those that are not
// in the list did not exist, which iptables-save cannot tell.
type TableBefore struct {
	Name   string   `json:"name"`
	Chains []string `json:"chains"`
}

// CaptureRules records what is there of the parts that cfg names, for UndoRules.
func (d *Driver) CaptureRules(ctx context.Context, cfg RuleConfig) (RulesBefore, error) {
	_, l, err := d.lookRules(ctx, cfg)
	if err != nil {
		return RulesBefore{}, err
	}
	return d.captureRules(l)
}

func (d *Driver) captureRules(l *rulesLook) (RulesBefore, error) {
	var b RulesBefore
	for _, fam := range families {
		chains := l.set.Of(fam)
		fb, err := captureKernel(l.tools, fam, chains, l.snap.rules[fam], func(c Chain) []string { return adoptable(l.cfg, c) })
		if err != nil {
			return b, err
		}
		b.Families = append(b.Families, fb)
		s, err := d.captureFile(d.ruleFile(fam))
		if err != nil {
			return b, err
		}
		b.Files = append(b.Files, s)
		if err := d.capturePersisted(&b, l.cfg, fam, chains); err != nil {
			return b, err
		}
	}
	if l.cfg.Parts&PartPins == 0 {
		return b, nil
	}
	b.Pins = capturePins(l.snap.pins)
	s, err := d.captureFile(d.ruleFile(BridgePins))
	b.Files = append(b.Files, s)
	return b, err
}

// captureKernel records our chains, with the rules of the built-in chains around
// the jumps; takes names those of others that ours take over.
func captureKernel(t *tools, f Family, chains []Chain, is saved, takes func(Chain) []string) (FamilyBefore, error) {
	fb := FamilyBefore{Family: f}
	for _, c := range chains {
		fb.Chains = append(fb.Chains, captureChain(takes(c), c, is))
	}
	var err error
	if t.flavour == NFTables {
		fb.Tables, err = nftTables(f)
	}
	return fb, err
}

func captureChain(takes []string, c Chain, is saved) ChainBefore {
	cb := ChainBefore{Table: c.Table, Name: c.Name, Hook: c.Hook}
	if own := is.chain(c.Table, c.Name); own != nil {
		cb.Exists, cb.Rules = true, own.texts()
	}
	if hook := is.chain(c.Table, c.Hook); hook != nil {
		takes := append(slices.Clone(takes), normalText(c.jump()))
		for _, r := range hook.rules {
			cb.Around = append(cb.Around, HookBefore{r.text, slices.Contains(takes, r.normal)})
		}
	}
	return cb
}

func (d *Driver) capturePersisted(b *RulesBefore, cfg RuleConfig, fam Family, chains []Chain) error {
	content, ok, err := d.read(persistedFile(fam))
	if err != nil || !ok {
		return err
	}
	left, lines := withoutAdoptable(content, cfg, chains)
	if len(lines) == 0 {
		return nil
	}
	ff, err := d.captureForeign(persistedFile(fam), left)
	b.Foreign = append(b.Foreign, ff)
	return err
}
