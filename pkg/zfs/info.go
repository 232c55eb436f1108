package zfs

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Info is what zfs knows of one dataset or snapshot. Sizes are bytes.
type Info struct {
	Name             Name     // the dataset; of a snapshot, the dataset it belongs to
	Snapshot         Snapshot // zero unless it is one
	Type             string   // Filesystems, Volumes or Snapshots
	Origin           Snapshot // of a clone; zero when there is none, or one outside the root
	Created          time.Time
	GUID             uint64
	Used             uint64
	Available        uint64
	Referenced       uint64
	LogicalUsed      uint64
	UsedBySnapshots  uint64
	Quota            uint64 // 0: none
	RefReservation   uint64 // 0: none, the volume is thin
	VolumeSize       uint64 // of a volume or its snapshot
	VolumeBlock      uint64
	CompressionRatio float64
	DeferDestroy     bool // destroyed as soon as its last clone or hold is gone
	// User holds the asked for user properties that are set on this very
	// dataset. What is inherited is not its own: a snapshot inherits all of its
	// volume's.
	User map[string]string
}

// Object returns the full name, with the snapshot's if it is one.
func (i Info) Object() string {
	if s := i.Snapshot.String(); s != "" {
		return s
	}
	return i.Name.full
}

var infoProperties = []string{
	"type", "origin", "creation", "guid", "used", "available", "referenced",
	"logicalused", "usedbysnapshots", "quota", "refreservation", "volsize",
	"volblocksize", "compressratio", "defer_destroy",
}

// Listing is what List found.
type Listing struct {
	Items []Info
	// Skipped names what lies below the root under a name that this package
	// would not make (a space, say). It is reported, never touched.
	Skipped []string
}

// List reads n and everything of the given types below it (all types when none
// is given) with one process, however many there are. user names the user
// properties to read.
func (c *Client) List(ctx context.Context, n Name, user []string, types ...string) (Listing, error) {
	if len(types) == 0 {
		types = []string{Filesystems, Volumes, Snapshots}
	}
	return c.read(ctx, Query{Targets: []Target{n}, Types: types, Recursive: true}, user)
}

// Get reads the given targets with one process. When one of them does not exist
// the error is ErrNotExist, and the others are returned all the same.
func (c *Client) Get(ctx context.Context, user []string, targets ...Target) ([]Info, error) {
	l, err := c.read(ctx, Query{Targets: targets}, user)
	return l.Items, err
}

func (c *Client) read(ctx context.Context, q Query, user []string) (Listing, error) {
	q.Properties = append(append([]string(nil), infoProperties...), user...)
	cmd := Get(q, "name", "property", "value", "source")
	out, err := c.Exec(ctx, cmd)
	if err != nil {
		return Listing{}, err
	}
	l, err := c.parse(string(out.Stdout))
	if err != nil {
		return Listing{}, fmt.Errorf("cannot read %s: %w", cmd.object, err)
	}
	return l, cmd.failure(out)
}

// parse reads the lines name, property, value, source. zfs prints all lines of
// one dataset together. It takes any text as the value of a user property and
// prints it as it is, tabs and newlines too: such a one goes on until there is a
// source. One volume's rubbish must not hide all the others.
func (c *Client) parse(text string) (Listing, error) {
	var l Listing
	last, skipping, begun := "", false, ""
	for line := range strings.Lines(text) {
		begun += line
		f := strings.Split(strings.TrimSuffix(begun, "\n"), "\t")
		if len(f) < 4 || !isSource(f[len(f)-1]) {
			continue
		}
		begun = ""
		f = []string{f[0], f[1], strings.Join(f[2:len(f)-1], "\t"), f[len(f)-1]}
		if f[0] != last {
			last = f[0]
			info, err := c.named(f[0])
			if skipping = err != nil; skipping {
				l.Skipped = append(l.Skipped, f[0])
				continue
			}
			l.Items = append(l.Items, info)
		}
		if skipping {
			continue
		}
		if err := c.fill(&l.Items[len(l.Items)-1], f[1], f[2], f[3]); err != nil {
			return Listing{}, fmt.Errorf("%s of %s: %w", f[1], f[0], err)
		}
	}
	if begun != "" {
		return Listing{}, fmt.Errorf("zfs printed a line that is not four columns: %s", quote(begun))
	}
	return l, nil
}

// isSource reports whether s is where zfs says that a value comes from
// (zprop_print_one_property).
func isSource(s string) bool {
	switch s {
	case "-", "default", "local", "received", "temporary":
		return true
	}
	return strings.HasPrefix(s, "inherited from ")
}

func (c *Client) named(full string) (Info, error) {
	if strings.Contains(full, "@") {
		s, err := c.o.Root.Snapshot(full)
		return Info{Name: s.of, Snapshot: s}, err
	}
	n, err := c.o.Root.Name(full)
	return Info{Name: n}, err
}

func (c *Client) fill(i *Info, property, value, source string) error {
	if value == "-" {
		return nil
	}
	if strings.Contains(property, ":") {
		// What NewProperty would not set nobody has set who is meant here.
		if (source == "local" || source == "received") && checkValue(value) == nil {
			if i.User == nil {
				i.User = map[string]string{}
			}
			i.User[property] = value
		}
		return nil
	}
	numbers := map[string]*uint64{
		"guid": &i.GUID, "used": &i.Used, "available": &i.Available, "referenced": &i.Referenced,
		"logicalused": &i.LogicalUsed, "usedbysnapshots": &i.UsedBySnapshots, "quota": &i.Quota,
		"refreservation": &i.RefReservation, "volsize": &i.VolumeSize, "volblocksize": &i.VolumeBlock,
	}
	if to := numbers[property]; to != nil {
		return number(to, value)
	}
	switch property {
	case "type":
		i.Type = value
	case "origin":
		i.Origin, _ = c.o.Root.Snapshot(value) // one outside the root is not ours to name
	case "creation":
		var seconds uint64
		if err := number(&seconds, value); err != nil {
			return err
		}
		i.Created = time.Unix(int64(seconds), 0).UTC()
	case "compressratio":
		ratio, err := strconv.ParseFloat(strings.TrimSuffix(value, "x"), 64)
		i.CompressionRatio = ratio
		return err
	case "defer_destroy":
		i.DeferDestroy = value == "on"
	}
	return nil
}

func number(to *uint64, value string) error {
	if value == "none" {
		return nil
	}
	n, err := strconv.ParseUint(value, 10, 64)
	*to = n
	return err
}
