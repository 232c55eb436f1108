package confirm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"time"

	"github.com/waddle-social/waddle/pkg/netfw"
)

// stateVersion is the version of state.json that this program writes.
const stateVersion = 1

// State is what is known of the firewall.
type State struct {
	Version   int        `json:"version"`
	Confirmed *Confirmed `json:"confirmed,omitempty"` // nil before the first confirmed change
	Pending   *Pending   `json:"pending,omitempty"`
	Last      *Outcome   `json:"last,omitempty"` // how the last change ended
	Emergency *Emergency `json:"-"`              // has a file of its own in /run
}

// Confirmed is the change that boots and rollbacks go back to.
type Confirmed struct {
	ID      string        `json:"id"`
	Profile netfw.Profile `json:"profile"`
	At      time.Time     `json:"at"`
	By      string        `json:"by"` // who set it
	// SetAt is when its rules were to be loaded, ConfirmedBy who confirmed it,
	// and Over what that came: Proof's. Empty in the state of an older program.
	SetAt       time.Time `json:"setAt,omitzero"`
	ConfirmedBy string    `json:"confirmedBy,omitempty"`
	Over        string    `json:"over,omitempty"`
	Sums        Sums      `json:"sums"`
	// Unsettled is true until rules.v4 and rules.v6 have been replaced by the
	// change's own files. From then on the driver may rewrite them, for another
	// port or network of the same profile.
	Unsettled bool `json:"unsettled,omitempty"`
}

// Pending is a change that waits for its confirmation.
type Pending struct {
	ID       string        `json:"id"`
	Profile  netfw.Profile `json:"profile"`
	ArmedAt  time.Time     `json:"armedAt"`
	Deadline Deadline      `json:"deadline"`
	By       string        `json:"by"`
	From     string        `json:"from"`
	Forced   bool          `json:"forced,omitempty"` // although what it needs was not done
	Guard    string        `json:"guard"`            // the unit, or the process
	Sums     Sums          `json:"sums"`
	// LoadedAt is the CLOCK_BOOTTIME, in nanoseconds, at which the rules were in
	// the kernel; 0 until then. A connection that was opened later proves that
	// they let the operator in.
	LoadedAt time.Duration `json:"loadedAt,omitempty"`
}

// Outcome is how a change or an emergency ended.
type Outcome struct {
	ID      string        `json:"id"`
	Profile netfw.Profile `json:"profile"`
	Result  Result        `json:"result"`
	Reason  string        `json:"reason"`
	At      time.Time     `json:"at"`
}

// Result is one word for an outcome.
type Result string

// The results.
const (
	WasConfirmed  Result = "confirmed"
	WasRolledBack Result = "rolled back"
)

// Emergency is lockdown with exceptions, for a time.
type Emergency struct {
	Version int            `json:"version"`
	ID      string         `json:"id"`
	Until   Deadline       `json:"until"`
	Sources []netip.Prefix `json:"sources"`
	Ports   []uint16       `json:"ports"` // TCP
	By      string         `json:"by"`
	Guard   string         `json:"guard"`
	Sums    Sums           `json:"sums"`
	Basis   string         `json:"basis"` // which lockdown it is made from
}

// Sums are the SHA-256 sums of a change's rule files, in hexadecimal, by the
// end of the file's name.
type Sums map[string]string

var (
	idForm   = regexp.MustCompile(`^[a-z][a-z0-9-]{0,40}$`)
	profiles = []netfw.Profile{netfw.Open, netfw.Initial, netfw.Lockdown, netfw.Emergency}
)

// decodeState is strict: what it does not know may be what matters.
func decodeState(b []byte) (State, error) {
	var head struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return State{}, err
	}
	if head.Version != stateVersion {
		return State{}, fmt.Errorf("its version is %d, this program knows %d", head.Version, stateVersion)
	}
	var s State
	if err := strict(b, &s); err != nil {
		return State{}, err
	}
	return s, s.check()
}

func strict(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if d.More() {
		return errors.New("there is more behind the end")
	}
	return nil
}

func (s State) check() error {
	if c := s.Confirmed; c != nil {
		if err := checkNames(c.ID, c.Profile); err != nil {
			return fmt.Errorf("confirmed: %w", err)
		}
	}
	if p := s.Pending; p != nil {
		if err := checkNames(p.ID, p.Profile); err != nil {
			return fmt.Errorf("pending: %w", err)
		}
	}
	return nil
}

func checkNames(id string, p netfw.Profile) error {
	if !idForm.MatchString(id) {
		return fmt.Errorf("id %q is none", id)
	}
	if !slices.Contains(profiles, p) {
		return fmt.Errorf("profile %q is none", p)
	}
	return nil
}
