package keys

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"github.com/waddle-social/waddle/pkg/iscsi"
)

// chapFile is what is kept. Its names are those of democratic-csi's settings.
type chapFile struct {
	User           string `json:"userid"`
	Password       string `json:"password"`
	MutualUser     string `json:"mutual_userid"`
	MutualPassword string `json:"mutual_password"`
}

// EnsureCHAP returns the secrets of both directions in the file chap.json of dir,
// making them when they are not there. Both are made at once, so that switching
// between one-way and mutual CHAP changes no secret. To replace them remove the
// file, start waddled again and render democratic-csi's values again: nodes that
// are logged in stay so until they log in anew.
func EnsureCHAP(dir string) (iscsi.CHAP, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return iscsi.CHAP{}, fmt.Errorf("cannot keep the CHAP secrets: %w", err)
	}
	if err := private(dir, "folder"); err != nil {
		return iscsi.CHAP{}, err
	}
	path := filepath.Join(dir, "chap.json")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		// rand.Text has 26 characters of base32, 128 bits: RFC 7143 wants 96, and
		// democratic-csi's targetcli script takes letters and digits only.
		made := chapFile{User: "waddle", Password: rand.Text(), MutualUser: "waddle-host", MutualPassword: rand.Text()}
		if text, err = json.Marshal(made); err == nil {
			err = renameio.WriteFile(path, text, 0o600)
		}
	}
	if err != nil {
		return iscsi.CHAP{}, fmt.Errorf("cannot keep the CHAP secrets: %w", err)
	}
	if err := private(path, "CHAP secrets"); err != nil {
		return iscsi.CHAP{}, err
	}
	var f chapFile
	if err := json.Unmarshal(text, &f); err != nil || f.User == "" || f.Password == "" || f.MutualUser == "" || f.MutualPassword == "" {
		// The cause may quote what it could not read.
		return iscsi.CHAP{}, fmt.Errorf("cannot use the CHAP secrets in %s: the file is damaged; remove it and new ones are made", path)
	}
	return iscsi.CHAP{User: f.User, Password: iscsi.NewSecret(f.Password), MutualUser: f.MutualUser, MutualPassword: iscsi.NewSecret(f.MutualPassword)}, nil
}
