package journey

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/internal/lab"
	"github.com/waddle-social/waddle/internal/server/contract"
)

const script = docsDir + "/ci-example.sh"

// ci is a VM on vmbr1 with curl, jq and docs/ci-example.sh, and nothing of waddle.
type ci struct {
	*host
	vm      *lab.Node
	dir     string // the VM's
	env     []string
	secrets []string        // tokens and passwords that must not show anywhere
	used    map[string]bool // sub-commands that were called
	codes   map[int]bool    // exit codes that were seen
	output  strings.Builder // of every call
}

// curl alone can do all that waddle does: the very script of the documentation
// deploys the example and calls everything else, from a VM on vmbr1.
func TestTheScriptOfTheDocumentationDoesItAllFromAVM(t *testing.T) {
	c := newCI(t)
	document := c.file("platform.yaml", []byte(vmDocument(t)))
	watch := c.watchProcesses()
	out := c.script(6, "deploy", document, "1") // phase 0 waits for a login with the key
	for _, want := range []string{"firewall.input changed", "firewall.forward changed", "network.forwarding changed", "operation op-00000001: waiting"} {
		if !strings.Contains(out, want) {
			t.Errorf("deploy does not print %q:\n%s", want, out)
		}
	}
	if left := c.plan(); len(left) > 0 {
		t.Errorf("after the deploy an apply would still change %+v", left)
	}
	if out := c.script(0, "deploy", document, "1"); !strings.Contains(out, "no changes") {
		t.Errorf("the second deploy prints:\n%s", out)
	}
	c.giveAccess()
	c.strangersVM(112, "waddle-cp-3")
	c.script(0, "run", "2") // the VM is made, and the rest of the phase is for a person
	c.everySubCommand(document)
	c.everyExitCode(document)
	watch.end()

	c.calledEveryOperation()
	c.keptItsSecrets(watch)
	codes := []int{}
	for code := range c.codes {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	fmt.Printf("script: %d sub-commands called, exit codes seen %v\n", len(c.used), codes)
}

// newCI is a host of which the daemon owns nothing but the bridge, for without
// it no VM could call: its rules are gone, and its state file as well.
func newCI(t *testing.T) *ci {
	t.Helper()
	needsPrograms(t, "curl", "jq")
	c := &ci{host: newHost(t, lab.Options{Name: "script"}), dir: t.TempDir(), used: map[string]bool{}, codes: map[int]bool{}}
	c.start()
	c.setPlatform(append(read(t, example), "# of the first day\n"...))
	c.apply(client.ApplyRequest{})
	if err := c.StopDaemon(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.run(`set -e
rm -rf /var/lib/waddle/state.db /etc/waddle/firewall /etc/sysctl.d/60-waddle.conf
nft flush ruleset
sysctl -q -w net.ipv4.ip_forward=0`)
	c.startWaddled()
	c.vm = c.plugCI(ciAddress)
	secret := c.token("ci", "admin")
	c.secrets = append(c.secrets, secret)
	c.file("ci-example.sh", read(t, script))
	c.env = []string{"PATH=" + c.recordingPath(), "HOME=" + c.dir, "TMPDIR=" + c.dir, "WADDLE_SERVER=https://" + apiAddress,
		"WADDLE_TOKEN_FILE=" + c.file("token", []byte(secret+"\n")), "WADDLE_CA=" + c.file("ca.crt", c.ca())}
	return c
}

func needsPrograms(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err == nil {
			continue
		}
		if os.Getenv("CI") != "" {
			t.Fatalf("needs %s", name)
		}
		t.Skipf("needs %s", name)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// file writes a file of the VM, which has the machine's files.
func (c *ci) file(name string, data []byte) string {
	c.t.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.WriteFile(path, data, 0o700); err != nil {
		c.t.Fatal(err)
	}
	return path
}

// script calls the script in the VM, wants its exit code and returns what it printed.
func (c *ci) script(code int, args ...string) string {
	c.t.Helper()
	return c.scriptWith(nil, code, args...)
}

// scriptWith is script with other variables.
func (c *ci) scriptWith(env []string, code int, args ...string) string {
	c.t.Helper()
	cmd := c.vm.Command(c.t.Context(), append([]string{"/bin/sh", filepath.Join(c.dir, "ci-example.sh")}, args...)...)
	cmd.Env = slices.Concat(c.env, env)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	_ = cmd.Run() // the exit code says it
	c.output.Write(out.Bytes())
	c.used[args[0]] = true
	c.codes[cmd.ProcessState.ExitCode()] = true
	if got := cmd.ProcessState.ExitCode(); got != code {
		c.t.Fatalf("ci-example.sh %s: exit code %d, want %d\n%s", strings.Join(args, " "), got, code, out.String())
	}
	return out.String()
}

// everySubCommand calls what the script itself lists, so that a new one cannot
// be forgotten here.
func (c *ci) everySubCommand(document string) {
	c.t.Helper()
	var list struct{ Operations []struct{ ID string } }
	if err := json.Unmarshal([]byte(c.script(0, "operations", "1")), &list); err != nil || len(list.Operations) != 1 {
		c.t.Fatalf("operations 1 does not print one operation: %v", err)
	}
	op, secret := list.Operations[0].ID, filepath.Join(c.dir, "secret")
	arguments := map[string][]string{
		"validate": {document}, "put": {document}, "deploy": {document, "1"}, "plan": {"1"}, "apply": {"1"}, "phase": {"1"}, "run": {"1"},
		"undo-plan": {"1"}, "undo": {"1"}, "acknowledge": {"0", "host.console", "seen by CI"}, "operation": {op}, "watch": {op},
		"cancel": {op}, "events": {"2"}, "token-create": {"reader", "read", secret},
		"withdraw": {"0", "host.console"}, "root-password": {filepath.Join(c.dir, "root.password")},
		"volume-create": {"db", "16777216"}, "volume": {"db"}, "volume-resize": {"db", "33554432"}, "volume-snapshot": {"db", "daily"},
		"volume-rollback": {"db", "daily"}, "volume-clone": {"db", "copy", "daily"}, "volume-move": {"db"}, "volume-delete": {"copy", "copy"}, "snapshot-delete": {"db", "daily"},
		"vm": {"teleport"}, "vm-adoption": {"waddle-cp-3"}, "vm-power": {"teleport", "reboot"}, "vm-snapshot": {"teleport", "daily"}, "vm-rollback": {"teleport", "daily"},
		"vm-snapshot-delete": {"teleport", "daily"}, "vm-recreate": {"teleport", "teleport"}, "vm-delete": {"waddle-cp-3", "waddle-cp-3"}, "image-pull": {"talos"},
		"csi-secrets":   {filepath.Join(c.dir, "csi.yaml")},
		"firewall-test": {"internet", "host:8006/tcp"}, "firewall-set": {"initial"}, "firewall-emergency": {"198.51.100.7", "5m"},
	}
	codes := map[string]int{
		"undo":  4, // it would take away the address that CI calls
		"apply": 6, // phase 0 waits for a login with the key
	}
	for _, sub := range subCommands(c.t, c.script(0, "help")) {
		if sub == "token-revoke" {
			continue // needs what token-create prints
		}
		if sub == "firewall-rollback" { // of something
			c.script(0, "firewall-set", "initial")
		}
		out := c.script(codes[sub], append([]string{sub}, arguments[sub]...)...)
		if sub == "firewall-emergency" {
			c.firewallRollback() // in an emergency nothing lets CI in
		}
		if out == "" && sub != "acknowledge" && sub != "withdraw" {
			c.t.Errorf("ci-example.sh %s printed nothing", sub)
		}
		switch sub {
		case "token-create":
			c.revoke(out, secret)
		case "vm-adoption":
			var shown struct{ Digest string }
			if err := json.Unmarshal([]byte(out), &shown); err != nil {
				c.t.Fatalf("vm-adoption printed %q: %v", out, err)
			}
			arguments["vm-adopt"] = []string{"waddle-cp-3", shown.Digest}
		case "csi-secrets":
			c.clientKey(filepath.Join(c.dir, "csi.yaml"))
		case "root-password":
			c.secrets = append(c.secrets, strings.TrimSpace(string(read(c.t, arguments[sub][0]))))
		}
	}
	for _, sub := range subCommands(c.t, c.script(0, "help")) {
		if !c.used[sub] {
			c.t.Errorf("the sub-command %s was not called", sub)
		}
	}
}

// subCommands are the branches of the script's last case, all of which help
// has to list.
func subCommands(t *testing.T, help string) (subs []string) {
	t.Helper()
	_, branches, found := strings.Cut(string(read(t, script)), "case $command in")
	for _, b := range regexp.MustCompile(`(?m)^\t([a-z][a-z-]*)\) `).FindAllStringSubmatch(branches, -1) {
		subs = append(subs, b[1])
	}
	var listed []string
	for line := range strings.Lines(help) {
		listed = append(listed, strings.Fields(line)[0])
	}
	if !found || len(subs) < 25 || !slices.Equal(subs, listed) {
		t.Fatalf("the script has the sub-commands\n%v, its help lists\n%v", subs, listed)
	}
	return subs
}

// clientKey notes what csi-secrets has written into a file, as a secret.
func (c *ci) clientKey(file string) {
	c.t.Helper()
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		c.t.Errorf("the client key's file is %v (%v), others may read it", info, err)
	}
	const begin = "-----BEGIN OPENSSH PRIVATE KEY-----"
	_, key, found := strings.Cut(string(read(c.t, file)), begin)
	lines := strings.Fields(key)
	if !found || len(lines) < 3 {
		c.t.Fatal("csi-secrets wrote no key")
	}
	c.secrets = append(c.secrets, lines[1]) // the first line is the same for all keys
}

// revoke takes back the token that token-create printed, after it was good once.
func (c *ci) revoke(printed, secretFile string) {
	c.t.Helper()
	var made struct{ ID string }
	if err := json.Unmarshal([]byte(printed), &made); err != nil {
		c.t.Fatalf("token-create printed %q: %v", printed, err)
	}
	info, err := os.Stat(secretFile)
	if err != nil || info.Mode().Perm() != 0o600 {
		c.t.Errorf("the new token's file is %v (%v), others may read it", info, err)
	}
	secret := strings.TrimSpace(string(read(c.t, secretFile)))
	if !strings.HasPrefix(secret, "waddle_") {
		c.t.Errorf("token-create wrote no token")
	}
	c.secrets = append(c.secrets, secret)
	reader := []string{"WADDLE_TOKEN_FILE=" + secretFile}
	c.scriptWith(reader, 0, "status")
	if out := c.scriptWith(reader, 4, "apply", "1"); !strings.Contains(out, "needs the scope operate") {
		c.t.Errorf("a token without the scope prints:\n%s", out)
	}
	c.script(0, "token-revoke", made.ID)
	c.scriptWith(reader, 8, "status")
}

// everyExitCode provokes each code that the script's head documents.
func (c *ci) everyExitCode(document string) {
	c.t.Helper()
	c.script(2, "no-such-command")
	delete(c.used, "no-such-command")
	bad := c.file("bad.yaml", []byte("apiVersion: waddle.social/v1alpha1\nkind: Platfrom\n"))
	if out := c.script(2, "deploy", bad, "1"); !strings.Contains(out, "platform.yaml:2:") || !strings.Contains(out, "invalid_platform") {
		c.t.Errorf("a wrong document prints:\n%s", out)
	}
	c.script(2, "operation", "nothing")

	other := c.file("other.yaml", bytes.Replace(read(c.t, example), []byte("    ssh:\n"), []byte("    ssh:\n      port: 2022\n"), 1))
	c.script(0, "put", other)
	if out := c.script(3, "plan", "1"); !strings.Contains(out, "2022") {
		c.t.Errorf("a plan with differences prints:\n%s", out)
	}
	c.script(0, "put", document)

	if out := c.script(4, "undo", "1"); !strings.Contains(out, "would_cut_connection") {
		c.t.Errorf("an undo that would cut CI off prints:\n%s", out)
	}
	c.run("cp /etc/network/interfaces /run/.lab/interfaces; printf 'iface vmbr1 inet static\\n\\taddress 10.99.0.1/24\\n' >> /etc/network/interfaces")
	if out := c.script(5, "apply", "1"); !strings.Contains(out, "failed") || !strings.Contains(out, "10.99.0.1") {
		c.t.Errorf("an apply that fails prints:\n%s", out)
	}
	c.run("cp /run/.lab/interfaces /etc/network/interfaces")
	if out := c.script(6, "apply", "1"); !strings.Contains(out, ": waiting") {
		c.t.Errorf("an apply that waits at a gate prints:\n%s", out)
	}
	c.scriptWith([]string{"WADDLE_SERVER=https://127.0.0.1:1"}, 7, "version")
	c.scriptWith([]string{"WADDLE_CA=" + c.file("none.crt", nil)}, 7, "version")
	c.scriptWith([]string{"WADDLE_TOKEN_FILE=" + c.file("wrong", []byte("waddle_"+strings.Repeat("A", 43)))}, 8, "status")
	for _, code := range regexp.MustCompile(`\b([0-8]) [a-z]`).FindAllStringSubmatch(exitCodes(c.t), -1) {
		if n := int(code[1][0] - '0'); !c.codes[n] {
			c.t.Errorf("the documented exit code %d was not seen", n)
		}
	}
}

// exitCodes is what the script's head says about them.
func exitCodes(t *testing.T) string {
	t.Helper()
	_, after, found := strings.Cut(string(read(t, script)), "# Exit codes: ")
	head, _, more := strings.Cut(after, "set -eu")
	if !found || !more {
		t.Fatal("the script's head has no exit codes")
	}
	return head
}

// notForCI are operations that no sub-command calls, with the reason.
var notForCI = map[string]string{"getHealth": "a monitor's question, which waddle does not ask either"}

// calledEveryOperation looks into the daemon's log for what the VM has called.
func (c *ci) calledEveryOperation() {
	c.t.Helper()
	called := map[string]bool{}
	for _, line := range c.logged("from=" + ciAddress + ":") {
		if m := regexp.MustCompile(` operation=(\w+) .* status=2\d\d `).FindStringSubmatch(line); m != nil {
			called[m[1]] = true
		}
	}
	called["postPhaseUndo"] = len(c.logged("operation=postPhaseUndo")) > 0 // refused, see everySubCommand
	all, err := contract.Load()
	if err != nil {
		c.t.Fatal(err)
	}
	for _, op := range all.Operations() {
		if called[op.ID] != (notForCI[op.ID] == "") {
			c.t.Errorf("no sub-command of the script has called %s, or it need not be excused", op.ID)
		}
	}
}

// keptItsSecrets demands that no token or password shows in what others can see: the
// programs' arguments and environments, what was printed, the daemon's log and
// its files.
func (c *ci) keptItsSecrets(w *watch) {
	c.t.Helper()
	log, err := os.ReadFile(c.DaemonLog())
	if err != nil {
		c.t.Fatal(err)
	}
	state, err := c.Host.ReadFile("/var/lib/waddle/state.db")
	if err != nil {
		c.t.Fatal(err)
	}
	recorded := string(read(c.t, c.recorded()))
	for what, text := range map[string]string{
		"a program's arguments or environment, as it began": recorded, "a process's arguments or environment": w.text.String(),
		"what the script printed": c.output.String(), "the daemon's log": string(log), "the daemon's state file": string(state),
	} {
		for _, s := range c.secrets {
			if strings.Contains(text, s) {
				c.t.Errorf("a token or password is in %s", what)
			}
		}
	}
	for _, canary := range canaries {
		if !strings.Contains(w.text.String(), canary) {
			c.t.Errorf("the look at /proc has not seen %s: it proves nothing", canary)
		}
	}
	programs, curls := strings.Count(recorded, "\x00PWD="), strings.Count(recorded, "/curl\x00")
	if curls < 30 {
		c.t.Errorf("%d calls of curl were recorded, at least 30 were made: they prove nothing", curls)
	}
	fmt.Printf("script: tokens were looked for in the arguments and environments of %d programs (%d of curl) and of %d processes seen in /proc\n", programs, curls, len(w.seen))
}

// recordingPath puts scripts before the programs that the script of the
// documentation starts. Each writes down its own arguments and environment,
// which are the program's, and becomes the program.
func (c *ci) recordingPath() string {
	c.t.Helper()
	dir := filepath.Join(c.dir, "bin")
	if err := os.Mkdir(dir, 0o755); err != nil {
		c.t.Fatal(err)
	}
	for _, name := range []string{"curl", "jq", "sed", "tr", "tail", "mktemp", "rm", "cat", "sleep"} {
		program, err := exec.LookPath(name)
		if err != nil {
			c.t.Fatal(err)
		}
		c.file("bin/"+name, []byte("#!/bin/sh\n/bin/cat /proc/$$/cmdline /proc/$$/environ >>"+c.recorded()+"\nexec "+program+" \"$@\"\n"))
	}
	return dir + ":/usr/bin:/bin"
}

func (c *ci) recorded() string { return filepath.Join(c.dir, "programs") }

// canaries are in the argument list and the environment of a process that is
// there to be seen.
var canaries = []string{"canary-in-the-arguments", "canary-in-the-environment"}

// watch looks at the processes of a namespace again and again.
type watch struct {
	stop, done chan struct{}
	decoy      chan struct{} // closed when the process with the canaries was seen
	once       sync.Once
	text       strings.Builder
	seen       map[string]bool
}

func (c *ci) watchProcesses() *watch {
	c.t.Helper()
	var namespace string
	if err := c.vm.Do(func() (err error) {
		namespace, err = os.Readlink("/proc/thread-self/ns/net")
		return err
	}); err != nil {
		c.t.Fatal(err)
	}
	w := &watch{stop: make(chan struct{}), done: make(chan struct{}), decoy: make(chan struct{}), seen: map[string]bool{}}
	go w.run(namespace)
	decoy := c.vm.Command(c.t.Context(), "/bin/sh", "-c", "read line; :", canaries[0])
	decoy.Env = append(slices.Clone(c.env), "CANARY="+canaries[1])
	in, err := decoy.StdinPipe()
	if err == nil {
		err = decoy.Start()
	}
	if err != nil {
		c.t.Fatal(err)
	}
	select { // it stays until it was seen
	case <-w.decoy:
	case <-time.After(time.Minute):
	}
	_ = in.Close()
	_ = decoy.Wait()
	return w
}

func (w *watch) run(namespace string) {
	defer close(w.done)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		links, _ := filepath.Glob("/proc/[0-9]*/ns/net")
		for _, link := range links {
			if to, err := os.Readlink(link); err == nil && to == namespace {
				w.look(filepath.Dir(filepath.Dir(link)))
			}
		}
		select {
		case <-w.stop:
			return
		case <-tick.C:
		}
	}
}

// look notes a process; one that has ended meanwhile has nothing to show.
func (w *watch) look(process string) {
	arguments, _ := os.ReadFile(process + "/cmdline")
	environment, _ := os.ReadFile(process + "/environ")
	text := string(arguments) + "\n" + string(environment) + "\n"
	if !w.seen[text] {
		w.seen[text] = true
		w.text.WriteString(text)
		if strings.Contains(text, canaries[0]) && strings.Contains(text, canaries[1]) {
			w.sawDecoy()
		}
	}
}

func (w *watch) sawDecoy() { w.once.Do(func() { close(w.decoy) }) }

func (w *watch) end() {
	close(w.stop)
	<-w.done
}
