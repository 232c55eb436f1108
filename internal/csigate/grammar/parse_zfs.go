package grammar

import (
	"strconv"
)

// zfs reads what stands behind the program's name.
func (l Layout) zfs(s string) (Command, error) {
	w, err := split(s)
	if err != nil {
		return nil, err
	}
	verbs := map[string]func(Layout, *words) Command{
		"get": get, "list": list, "create": create, "set": set,
		"snapshot": snapshot, "clone": clone, "destroy": destroy,
	}
	read := verbs[w.verb]
	if read == nil {
		return nil, refuse("zfs %s is not among what the driver needs (get, list, create, set, snapshot, clone, destroy)", quote(w.verb))
	}
	c := read(l, &w)
	if w.fault != nil {
		return nil, w.fault
	}
	return c, nil
}

func get(l Layout, w *words) Command {
	w.expect("-Hp -o name,property,value,received,source")
	c := Get{}
	if w.take("-t") {
		c.Type = w.kind()
	}
	c.Properties = w.names()
	c.Of = w.last(l)
	if c.Of.Snapshot == AllSnapshots {
		w.fail(refuse("all snapshots of %s cannot be read at once", c.Of.Dataset(l)))
	}
	return c
}

func list(l Layout, w *words) Command {
	c := List{Recursive: w.take("-r")}
	w.expect("-Hp -t")
	c.Type = w.kind()
	w.expect("-o")
	c.Columns = w.names()
	c.Of = w.last(l)
	if c.Of.Snapshot == AllSnapshots {
		w.fail(refuse("all snapshots of %s cannot be listed by that name", c.Of.Dataset(l)))
	}
	return c
}

func (w *words) kind() string {
	k := w.next()
	if k != "snapshot" && k != "volume" {
		w.fail(refuse("%s is no type of dataset that the driver asks for", quote(k)))
	}
	return k
}

func create(l Layout, w *words) Command {
	w.expect("-p")
	properties := w.options("-o")
	if !w.take("-V") {
		of := w.last(l)
		container := of.Snapshot == "" && (len(of.Path) == 0 || (of.Tree == Detached && len(of.Path) == 1))
		if w.fault == nil && (len(properties) > 0 || !container) {
			w.fail(refuse("%s cannot be made a file system: the driver makes only the two parent datasets and containers of detached snapshots", of.Name(l)))
		}
		return CreateDataset{Of: of}
	}
	c := CreateVolume{Properties: properties, Size: w.size()}
	c.Of = w.last(l)
	if w.fault == nil && !c.Of.IsVolume() {
		w.fail(refuse("%s is not the place of a volume; volumes are directly below %s", c.Of.Name(l), l.volumes))
	}
	return c
}

func (w *words) size() uint64 {
	word := w.next()
	n, err := strconv.ParseUint(word, 10, 63)
	if w.fault == nil && (err != nil || n == 0) {
		w.fail(refuse("size %s is not a positive number of bytes below 2^63", quote(word)))
	}
	return n
}

func set(l Layout, w *words) Command {
	c := Set{Properties: w.options("")}
	c.Of = w.last(l)
	if w.fault == nil && (len(c.Properties) == 0 || (!c.Of.IsVolume() && !c.Of.IsDetached() && !c.Of.IsSnapshot())) {
		w.fail(refuse("properties of %s are not the driver's to set", c.Of.Name(l)))
	}
	return c
}

func snapshot(l Layout, w *words) Command {
	c := Snapshot{Properties: w.options("-o")}
	c.Of = w.last(l)
	if w.fault == nil && !c.Of.IsSnapshot() && !(c.Of.IsContainerSnapshot() && len(c.Properties) == 0) {
		w.fail(refuse("%s is not a snapshot of a volume", c.Of.Name(l)))
	}
	return c
}

func clone(l Layout, w *words) Command {
	c := Clone{Properties: w.options("-o")}
	c.From = w.object(l)
	c.To = w.last(l)
	if w.fault == nil && (!c.From.IsSnapshot() || !c.To.IsVolume()) {
		w.fail(refuse("%s to %s is no clone of a snapshot to a volume", c.From.Name(l), c.To.Name(l)))
	}
	return c
}

// destroy reads the five forms that the driver uses; flags and object have to
// fit each other.
func destroy(l Layout, w *words) Command {
	c := Destroy{Recursive: w.take("-r"), Force: w.take("-f")}
	w.expect("-p")
	c.Defer = w.take("-d")
	c.Of = w.last(l)
	if w.fault != nil || c.fits() {
		return c
	}
	w.fail(refuse("%s is not destroyed with these options by the driver", c.Of.Name(l)))
	return c
}

func (c Destroy) fits() bool {
	o := c.Of
	container := o.Tree == Detached && len(o.Path) <= 1
	switch {
	case o.Snapshot == AllSnapshots:
		volume := c.Force && o.Tree == Volumes && len(o.Path) == 1
		return !c.Recursive && !c.Defer && (volume || (!c.Force && container))
	case o.Snapshot != "":
		return c.Recursive && c.Force && c.Defer && o.IsSnapshot()
	case c.Recursive:
		return c.Force && !c.Defer && len(o.Path) > 0 && (o.IsVolume() || o.Tree == Detached)
	}
	return !c.Force && !c.Defer && container
}
