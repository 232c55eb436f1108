package hostfacts

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestSSHPorts(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  []int
	}{
		"no daemon installed has no port":          {nil, nil},
		"a configuration without Port means 22":    {map[string]string{"ssh/sshd_config": "PermitRootLogin no\n"}, []int{22}},
		"two ports are two ports":                  {map[string]string{"ssh/sshd_config": "Port 22\nport 2222\n"}, []int{22, 2222}},
		"a ListenAddress may carry a port":         {map[string]string{"ssh/sshd_config": "ListenAddress 10.0.0.1:2022\nListenAddress [::1]:2023\nListenAddress ::\nListenAddress 10.0.0.2\n"}, []int{2022, 2023}},
		"an include is followed":                   {map[string]string{"ssh/sshd_config": "Include sshd_config.d/*.conf\n", "ssh/sshd_config.d/a.conf": "Port=2200\n"}, []int{2200}},
		"what stands in a Match block is not read": {map[string]string{"ssh/sshd_config": "Port 2222\nMatch User x\nPort 1\n"}, []int{2222}},
	} {
		t.Run(name, func(t *testing.T) {
			tree := t.TempDir()
			if err := os.MkdirAll(filepath.Join(tree, "proc"), 0o755); err != nil {
				t.Fatal(err)
			}
			for file, text := range c.files {
				write(t, filepath.Join(tree, "etc", file), text)
			}
			got, err := New(captured(tree), kernel{}).sshPorts()
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("got %v, %v; want %v", got, err, c.want)
			}
		})
	}
}

func TestAnIncludeThatIncludesItselfEnds(t *testing.T) {
	tree := t.TempDir()
	write(t, filepath.Join(tree, "proc/x"), "")
	write(t, filepath.Join(tree, "etc/ssh/sshd_config"), "Include sshd_config\n")
	if _, err := New(captured(tree), kernel{}).sshPorts(); err == nil {
		t.Error("a loop of includes is taken for a configuration")
	}
}

func TestForwardedPortsOnLoopbackAreNotTheDaemons(t *testing.T) {
	got, err := New(captured("testdata/pve"), kernel{}).sshPorts()
	if err != nil || !slices.Equal(got, []int{2222}) {
		t.Errorf("got %v, %v; want port 2222 alone", got, err)
	}
}
