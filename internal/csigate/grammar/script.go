package grammar

import (
	"regexp"
	"strings"
)

// Attribute is one line `set attribute name=value`.
type Attribute struct{ Name, Value string }

// Auth is one line `set auth name=value`. Its value may be a secret: only Render
// shows it.
type Auth struct{ Name, Value string }

// String shows the name alone.
func (a Auth) String() string { return a.Name }

// GoString shows the name alone, for %#v.
func (a Auth) GoString() string { return "grammar.Auth(" + a.Name + ")" }

// CreateTarget is the targetcli script that exports a volume.
type CreateTarget struct {
	IQN        string
	Attributes []Attribute // of the portal group
	Auth       []Auth
	Asset      string // the backstore's name
	Volume     Object // the volume that the script's device path names
	Block      []Attribute
}

// DeleteTarget is the targetcli script that takes an export away.
type DeleteTarget struct {
	IQN   string
	Asset string
}

// Op implements Command.
func (CreateTarget) Op() string { return "create target" }

// Op implements Command.
func (DeleteTarget) Op() string { return "delete target" }

// On implements Command.
func (c CreateTarget) On(Layout) string { return c.IQN }

// On implements Command.
func (c DeleteTarget) On(Layout) string { return c.IQN }

const (
	scriptStart = "sh -c 'echo \""
	scriptEnd   = "\" | targetcli'"
	deviceStart = "/dev/zvol/"
)

// Render implements Command. The blank lines are those of the driver's template
// with its two texts for attributes, of which the second is always empty.
func (c CreateTarget) Render(l Layout) string {
	var b strings.Builder
	b.WriteString(scriptStart + "# create target\ncd /iscsi\ncreate " + c.IQN)
	b.WriteString("\n\n# setup tpg\ncd /iscsi/" + c.IQN + "/tpg1\n")
	b.WriteString(renderAttributes(c.Attributes))
	for _, a := range c.Auth {
		b.WriteString("\nset auth " + a.Name + "=" + a.Value)
	}
	b.WriteString("\n\n\n# create extent\ncd /backstores/block\ncreate " + c.Asset + " " + deviceStart + c.Volume.Name(l))
	b.WriteString("\ncd /backstores/block/" + c.Asset + "\n")
	b.WriteString(renderAttributes(c.Block))
	b.WriteString("\n\n# add extent to target/tpg\ncd /iscsi/" + c.IQN + "/tpg1/luns\ncreate /backstores/block/" + c.Asset + scriptEnd)
	return b.String()
}

// Render implements Command.
func (c DeleteTarget) Render(Layout) string {
	return scriptStart + "# delete target\ncd /iscsi\ndelete " + c.IQN +
		"\n\n# delete extent\ncd /backstores/block\ndelete " + c.Asset + scriptEnd
}

func renderAttributes(all []Attribute) string {
	var b strings.Builder
	for _, a := range all {
		b.WriteString("\nset attribute " + a.Name + "=" + a.Value)
	}
	return b.String()
}

var (
	iqn           = regexp.MustCompile(`^iqn\.[a-z0-9.:_-]{1,219}$`)
	asset         = regexp.MustCompile(`^[a-z0-9][a-z0-9._:-]{0,127}$`)
	attributeName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
	attributeNum  = regexp.MustCompile(`^(0|[1-9][0-9]{0,9})$`)
	authName      = regexp.MustCompile(`^(mutual_)?(userid|password)$`)
	authValue     = regexp.MustCompile(`^[A-Za-z0-9._-]{1,255}$`)
)

// script reads a targetcli script. Every line has its one place.
func (l Layout) script(s string) (Command, error) {
	body, whole := strings.CutSuffix(s[len(scriptStart):], scriptEnd)
	if !whole {
		return nil, refuse("the targetcli script has no end; it was cut off on the way, and nothing of it was run")
	}
	r := lines{left: strings.Split(body, "\n")}
	var c Command
	if r.take("# delete target") {
		c = r.deleteTarget()
	} else {
		c = r.createTarget(l)
	}
	if r.fault == nil && len(r.left) > 0 {
		r.fail(refuse("the targetcli script has %s after its end; nothing of it was run", redactedQuote(r.left[0])))
	}
	if r.fault != nil {
		return nil, r.fault
	}
	return c, nil
}

func (r *lines) deleteTarget() Command {
	c := DeleteTarget{}
	r.expect("cd /iscsi")
	c.IQN = r.rest("delete ", iqn, "iSCSI name")
	r.expect("", "# delete extent", "cd /backstores/block")
	c.Asset = r.rest("delete ", asset, "backstore name")
	return c
}

func (r *lines) createTarget(l Layout) Command {
	c := CreateTarget{}
	r.expect("# create target", "cd /iscsi")
	c.IQN = r.rest("create ", iqn, "iSCSI name")
	r.expect("", "# setup tpg", "cd /iscsi/"+c.IQN+"/tpg1", "")
	c.Attributes = r.attributes()
	c.Auth = r.auth()
	r.expect("", "", "# create extent", "cd /backstores/block")
	c.Asset, c.Volume = r.extent(l)
	r.expect("cd /backstores/block/"+c.Asset, "")
	c.Block = r.attributes()
	r.expect("", "# add extent to target/tpg", "cd /iscsi/"+c.IQN+"/tpg1/luns", "create /backstores/block/"+c.Asset)
	return c
}
