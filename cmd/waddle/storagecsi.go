package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/cmd/waddle/internal/view"
)

// csiFlags say what of it is printed, and where.
type csiFlags struct {
	reveal, snapshots, manifests bool
	release, dir                 string
}

func newStorageCSIValues(a *app) *cobra.Command {
	var f csiFlags
	c := &cobra.Command{
		Use: "csi-values", Short: "Print what democratic-csi needs in the cluster",
		Long: `Prints the Kubernetes manifests that democratic-csi needs for this platform (namespace,
configuration, StorageClass) and the values of its two Helm releases, as YAML. Where the
endpoint's client key and CHAP secrets belong stands a placeholder; --reveal, which needs
the scope admin, prints them. Whoever has the key can do all that the driver can.

--manifests prints only what kubectl apply takes, --release NAME only the values that helm
takes, and --dir writes each into a file of its own, those with secrets readable by you
alone.`,
		Example: `  waddle storage csi-values
  waddle storage csi-values --manifests --reveal | kubectl apply -f -
  waddle storage csi-values --dir democratic-csi --reveal`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.manifests && f.release != "" || f.dir != "" && (f.manifests || f.release != "") {
				return usagef("take one of them", "--manifests, --release and --dir exclude each other")
			}
			c, err := a.connect()
			if err != nil {
				return err
			}
			v, err := a.csiValues(cmd.Context(), c, f)
			if err != nil {
				return err
			}
			return a.showCSIValues(*v, f)
		},
	}
	c.Flags().BoolVar(&f.reveal, "reveal", false, "with the secrets in their places")
	c.Flags().BoolVar(&f.snapshots, "snapshots", false, "the cluster has the CRDs and the controller for snapshots")
	c.Flags().BoolVar(&f.manifests, "manifests", false, "only the manifests")
	c.Flags().StringVar(&f.release, "release", "", "only the values of the release `NAME`")
	c.Flags().StringVar(&f.dir, "dir", "", "write each into a file of its own in this `directory`")
	_ = c.RegisterFlagCompletionFunc("release", cobra.FixedCompletions([]string{"zfs-iscsi", "zfs-iscsi-node"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

func (a *app) csiValues(ctx context.Context, c *client.Connection, f csiFlags) (*client.CSIValues, error) {
	ctx, cancel := a.limited(ctx)
	defer cancel()
	if f.reveal {
		r, err := c.GetCSIValuesRevealedWithResponse(ctx, &client.GetCSIValuesRevealedParams{Snapshots: &f.snapshots})
		if err != nil {
			return nil, fmt.Errorf("cannot render what democratic-csi needs: %w", err)
		}
		return need(r.JSON200, r.Status())
	}
	r, err := c.GetCSIValuesWithResponse(ctx, &client.GetCSIValuesParams{Snapshots: &f.snapshots})
	if err != nil {
		return nil, fmt.Errorf("cannot render what democratic-csi needs: %w", err)
	}
	return need(r.JSON200, r.Status())
}

func (a *app) showCSIValues(v client.CSIValues, f csiFlags) error {
	text := view.CSIValues(v)
	switch {
	case f.dir != "":
		return a.writeCSIValues(v, f.dir)
	case f.manifests:
		text = view.CSIManifests(v)
	case f.release != "":
		found := false
		for _, r := range v.Releases {
			if r.Name == f.release {
				text, found = r.Values, true
			}
		}
		if !found {
			return usagef("see the names with waddle storage csi-values", "there is no release %q", f.release)
		}
	}
	if a.table() {
		fmt.Fprint(a.con.Out, text)
	} else {
		raw, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("cannot print the answer: %w", err)
		}
		if err := a.emitJSON(raw); err != nil {
			return err
		}
	}
	if f.reveal && f.release == "" && a.con.OutIsTerminal() {
		fmt.Fprintln(a.con.Err, a.con.ErrStyle.Warn("warning:"), "the client key is on your screen and in the terminal's scrollback: clear that; --dir writes it into a file")
	}
	return nil
}

// writeCSIValues writes a file for each manifest and each release's values. A
// file that is there is replaced by a new one, so that a key never gets into a
// file that others have open or may read.
func (a *app) writeCSIValues(v client.CSIValues, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return usagef("", "cannot make the directory: %s", err)
	}
	for _, m := range v.Manifests {
		mode := os.FileMode(0o644)
		if m.Secret {
			mode = 0o600
		}
		if err := a.writeFile(dir, m.Name, m.Yaml, mode); err != nil {
			return err
		}
	}
	for _, r := range v.Releases {
		if err := a.writeFile(dir, "values-"+r.Name+".yaml", r.Values, 0o644); err != nil {
			return err
		}
	}
	fmt.Fprint(a.con.Err, view.CSISteps(v, dir))
	return nil
}

func (a *app) writeFile(dir, name, text string, mode os.FileMode) error {
	path := filepath.Join(dir, name)
	// The daemon may be another machine's: its names stay in the directory.
	if filepath.Base(name) != name || strings.HasPrefix(name, ".") {
		return fmt.Errorf("cannot write %q: it is no file's name", name)
	}
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("cannot replace the file: %w", err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return fmt.Errorf("cannot write the file: %w", err)
	}
	if _, err := file.WriteString(text); err != nil {
		_ = file.Close()
		return fmt.Errorf("cannot write the file: %w", err)
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("cannot write the file: %w", err)
	}
	fmt.Fprintln(a.con.Out, path)
	return nil
}
