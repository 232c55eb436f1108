package view

import (
	"fmt"
	"strings"

	"github.com/waddle-social/waddle/client"
)

// CSIManifests is what kubectl apply takes. It goes into files and pipes too, so
// it is exactly what the daemon has rendered.
func CSIManifests(v client.CSIValues) string {
	var b strings.Builder
	for _, m := range v.Manifests {
		fmt.Fprintf(&b, "---\n# %s\n%s", m.Name, m.Yaml)
	}
	return b.String()
}

// CSIValues is all of it, to be read: the manifests, and the values of each
// release after the command that takes them.
func CSIValues(v client.CSIValues) string {
	var b strings.Builder
	b.WriteString(CSIManifests(v))
	for _, r := range v.Releases {
		fmt.Fprintf(&b, "---\n# values-%s.yaml: %s\n%s", r.Name, helm(r, "values-"+r.Name+".yaml"), r.Values)
	}
	return b.String()
}

// CSISteps says what to do with the files in a directory.
func CSISteps(v client.CSIValues, dir string) string {
	var b strings.Builder
	b.WriteString("apply them in this order:\n")
	for _, m := range v.Manifests {
		fmt.Fprintf(&b, "  kubectl apply -f %s/%s\n", dir, m.Name)
	}
	for _, r := range v.Releases {
		fmt.Fprintf(&b, "  %s\n", helm(r, dir+"/values-"+r.Name+".yaml"))
	}
	return b.String()
}

func helm(r client.CSIRelease, file string) string {
	return fmt.Sprintf("helm upgrade --install %s %s --repo %s --version %s --namespace %s --values %s", r.Name, r.Chart, r.Repository, r.Version, r.Namespace, file)
}
