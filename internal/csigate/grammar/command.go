package grammar

import (
	"strconv"
	"strings"
)

// Command is one command of the driver.
type Command interface {
	// Op is what is done, in words for logs: "create volume".
	Op() string
	// On is what it is done to.
	On(l Layout) string
	// Render returns the exec string. Parse of it is the same command.
	Render(l Layout) string
}

// Shell is the driver's question which shell it talks to.
type Shell struct{}

// Uname is `uname -s` or, with Release, `uname -r`.
type Uname struct{ Release bool }

// Get reads properties of one object.
type Get struct {
	Type       string // "", "snapshot" or "volume"
	Properties []string
	Of         Object
}

// List reads properties of what is at or below an object.
type List struct {
	Recursive bool
	Type      string // "snapshot" or "volume"
	Columns   []string
	Of        Object
}

// CreateDataset makes a tree's dataset or a container of detached snapshots.
type CreateDataset struct{ Of Object }

// CreateVolume makes a volume.
type CreateVolume struct {
	Properties []Property
	Size       uint64 // bytes
	Of         Object
}

// Set sets properties.
type Set struct {
	Properties []Property
	Of         Object
}

// Snapshot takes a snapshot.
type Snapshot struct {
	Properties []Property
	Of         Object
}

// Clone makes a volume from a snapshot that it keeps depending on.
type Clone struct {
	Properties []Property
	From, To   Object
}

// Copy is zfs send into zfs receive.
type Copy struct{ From, To Object }

// Destroy removes a volume, a detached snapshot, a snapshot, all snapshots of a
// dataset or an empty container.
type Destroy struct {
	Recursive bool // -r
	Force     bool // -f
	Defer     bool // -d
	Of        Object
}

// Op implements Command.
func (Shell) Op() string { return "name the shell" }

// Op implements Command.
func (Uname) Op() string { return "name the system" }

// Op implements Command.
func (Get) Op() string { return "read" }

// Op implements Command.
func (List) Op() string { return "list" }

// Op implements Command.
func (CreateDataset) Op() string { return "create dataset" }

// Op implements Command.
func (CreateVolume) Op() string { return "create volume" }

// Op implements Command.
func (Set) Op() string { return "set properties" }

// Op implements Command.
func (Snapshot) Op() string { return "take snapshot" }

// Op implements Command.
func (Clone) Op() string { return "clone" }

// Op implements Command.
func (Copy) Op() string { return "copy" }

// Op implements Command.
func (Destroy) Op() string { return "destroy" }

// On implements Command.
func (Shell) On(Layout) string { return "" }

// On implements Command.
func (Uname) On(Layout) string { return "" }

// On implements Command.
func (c Get) On(l Layout) string { return c.Of.Name(l) }

// On implements Command.
func (c List) On(l Layout) string { return c.Of.Name(l) }

// On implements Command.
func (c CreateDataset) On(l Layout) string { return c.Of.Name(l) }

// On implements Command.
func (c CreateVolume) On(l Layout) string { return c.Of.Name(l) }

// On implements Command.
func (c Set) On(l Layout) string { return c.Of.Name(l) }

// On implements Command.
func (c Snapshot) On(l Layout) string { return c.Of.Name(l) }

// On implements Command.
func (c Clone) On(l Layout) string { return c.To.Name(l) }

// On implements Command.
func (c Copy) On(l Layout) string { return c.To.Name(l) }

// On implements Command.
func (c Destroy) On(l Layout) string { return c.Of.Name(l) }

// zfsPath is the driver's default for zfs.cli.paths.zfs.
const zfsPath = "/sbin/zfs "

// Render implements Command.
func (Shell) Render(Layout) string { return "echo $0" }

// Render implements Command.
func (c Uname) Render(Layout) string {
	if c.Release {
		return "uname -r"
	}
	return "uname -s"
}

// Render implements Command.
func (c Get) Render(l Layout) string {
	return zfsPath + "get -Hp -o name,property,value,received,source" + typed(c.Type) + " " + strings.Join(c.Properties, ",") + " " + c.Of.Name(l)
}

// Render implements Command.
func (c List) Render(l Layout) string {
	return zfsPath + "list" + flag(" -r", c.Recursive) + " -Hp" + typed(c.Type) + " -o " + strings.Join(c.Columns, ",") + " " + c.Of.Name(l)
}

// Render implements Command.
func (c CreateDataset) Render(l Layout) string { return zfsPath + "create -p " + c.Of.Name(l) }

// Render implements Command.
func (c CreateVolume) Render(l Layout) string {
	return zfsPath + "create -p" + renderProperties("-o ", c.Properties) + " -V " + strconv.FormatUint(c.Size, 10) + " " + c.Of.Name(l)
}

// Render implements Command.
func (c Set) Render(l Layout) string {
	return zfsPath + "set" + renderProperties("", c.Properties) + " " + c.Of.Name(l)
}

// Render implements Command.
func (c Snapshot) Render(l Layout) string {
	return zfsPath + "snapshot" + renderProperties("-o ", c.Properties) + " " + c.Of.Name(l)
}

// Render implements Command.
func (c Clone) Render(l Layout) string {
	return zfsPath + "clone" + renderProperties("-o ", c.Properties) + " " + c.From.Name(l) + " " + c.To.Name(l)
}

// Render implements Command.
func (c Copy) Render(l Layout) string {
	return copyStart + c.From.Name(l) + copyMiddle + c.To.Name(l) + "'"
}

// Render implements Command.
func (c Destroy) Render(l Layout) string {
	return zfsPath + "destroy" + flag(" -r", c.Recursive) + flag(" -f", c.Force) + " -p" + flag(" -d", c.Defer) + " " + c.Of.Name(l)
}

func typed(t string) string { return flag(" -t "+t, t != "") }

func flag(text string, on bool) string {
	if on {
		return text
	}
	return ""
}
