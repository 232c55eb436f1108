package confirm

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// readEmergency returns nil when there is none. One that cannot be read is over.
func (f *Firewall) readEmergency() *Emergency {
	b, err := os.ReadFile(filepath.Join(f.run, emergencyFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var e Emergency
	if err == nil {
		err = strict(b, &e)
	}
	if err == nil && (e.Version != stateVersion || !idForm.MatchString(e.ID)) {
		err = errors.New("it is of another version")
	}
	if err != nil {
		f.log.Error("the emergency's file cannot be read, so it is over", "path", filepath.Join(f.run, emergencyFile), "error", err)
		return &Emergency{ID: "unreadable"}
	}
	return &e
}

func (f *Firewall) writeEmergency(e Emergency) error {
	b, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return err
	}
	return f.write(f.run, emergencyFile, append(b, '\n'))
}
