package pve

import (
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/waddle-social/waddle/internal/lab/pve/schema"
)

// vm is a VM's configuration and what is known while it runs.
type vm struct {
	ID        int                  `json:"id"`
	Config    map[string]string    `json:"config"`
	Pending   map[string]string    `json:"pending"` // changes for the next start
	Dropped   map[string]bool      `json:"dropped"` // options that go at the next start
	Drive     map[string]string    `json:"drive"`   // the options that the cloud-init drive was made of
	Snapshots map[string]*snapshot `json:"snapshots"`
	Parent    string               `json:"parent"` // the snapshot that the current state comes from
	HA        bool                 `json:"ha,omitempty"`
	Run       *run                 `json:"run"` // nil while stopped
}

type run struct {
	PID    int       `json:"pid"`
	Since  time.Time `json:"since"`
	Plug   string    `json:"plug"` // the namespace's name
	NICs   []NIC     `json:"nics"`
	Paused bool      `json:"paused"`
}

type snapshot struct {
	Description string            `json:"description"`
	Parent      string            `json:"parent"`
	Time        int64             `json:"time"`
	VMState     string            `json:"vmstate"` // the volume with the guest's memory, or ""
	Config      map[string]string `json:"config"`
}

func newVM(id int) *vm {
	return &vm{ID: id, Config: map[string]string{}, Pending: map[string]string{}, Dropped: map[string]bool{}, Drive: map[string]string{}, Snapshots: map[string]*snapshot{}}
}

func vmPath(id int) string { return "/vms/" + strconv.Itoa(id) }

// name is what Proxmox calls a VM that has no name.
func (v *vm) name() string {
	if n := v.Config["name"]; n != "" {
		return n
	}
	return fmt.Sprintf("VM %d", v.ID)
}

func (v *vm) template() bool { return v.Config["template"] == "1" }

// unlocked says who holds the configuration's lock.
func (v *vm) unlocked() error {
	if l := v.Config["lock"]; l != "" {
		return die("VM is locked (%s)", l)
	}
	return nil
}

func (v *vm) digest() string {
	all := maps.Clone(v.Config)
	for k, val := range v.Pending {
		all["pending "+k] = val
	}
	for k := range v.Dropped {
		all["dropped "+k] = ""
	}
	for name, sn := range v.Snapshots {
		all["snapshot "+name] = digest(sn.Config) + sn.Description
	}
	return digest(all)
}

func digest(config map[string]string) string {
	h := sha1.New()
	for _, k := range slices.Sorted(maps.Keys(config)) {
		fmt.Fprintf(h, "%s: %s\n", k, config[k])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// typed writes options as JSON does in Proxmox: numbers and booleans as numbers, the rest as text.
func typed(config map[string]string) map[string]any {
	m := map[string]any{}
	for k, v := range config {
		m[k] = typedValue(k, v)
	}
	return m
}

func typedValue(k, v string) any {
	if p, ok := schema.Config.Lookup(k); ok && p.Type != schema.String {
		return json.Number(strings.TrimPrefix(v, "+"))
	}
	return v
}

var (
	driveName = regexp.MustCompile(`^(ide|sata|scsi|virtio|efidisk|tpmstate)(\d+)$`)
	newDisk   = regexp.MustCompile(`^(?:([^/:\s]+):)?(\d+(?:\.\d+)?)$`)
	netName   = regexp.MustCompile(`^net(\d+)$`)
)

func isDrive(opt string) bool { return driveName.MatchString(opt) }

// drive is a drive's property string in pieces.
type drive map[string]string

func bus(opt string) schema.Params { return schema.Drive(driveName.FindStringSubmatch(opt)[1]) }

func parseDrive(opt, text string) (drive, error) {
	got, err := bus(opt).Parse(opt, text)
	return drive(got), err
}

// mustDrive parses a drive that was checked before it was stored.
func mustDrive(opt, text string) drive {
	d, _ := parseDrive(opt, text)
	return d
}

func (d drive) print(opt string) string { return bus(opt).Print(d) }

// cloudinit: the drive with the cloud-init data, before (STORE:cloudinit) and after it was made.
func (d drive) cloudinit() bool {
	_, name := splitVolid(d["file"])
	return d["file"] == "cloudinit" || name == "cloudinit" || strings.Contains(name, "-cloudinit")
}

func (d drive) cdrom() bool { return d["media"] == "cdrom" && !d.cloudinit() }

// disk: a drive with a volume of its own.
func (d drive) disk() bool { return !d.cdrom() && !d.cloudinit() && d["file"] != "none" }

// drives returns a configuration's drives, sorted by name.
func drives(config map[string]string) []string {
	var all []string
	for _, opt := range slices.Sorted(maps.Keys(config)) {
		if isDrive(opt) {
			all = append(all, opt)
		}
	}
	return all
}

func nets(config map[string]string) []string {
	var all []string
	for opt := range config {
		if netName.MatchString(opt) {
			all = append(all, opt)
		}
	}
	slices.SortFunc(all, func(a, b string) int { return atoi(a[3:]) - atoi(b[3:]) })
	return all
}
