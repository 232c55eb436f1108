package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const formerShadow = "daemon:*:19000:0:99999:7:::\nroot:$y$j9T$formersaltformersalt12$formerhashformerhash:19001:0:99999:7:::\nsshd:!:19000::::::\n"

func shadowBox(t testing.TB) *box {
	b := newBox(t, map[string]string{shadowPath: formerShadow})
	b.cost = "$y$j7.$" // the least that there is: the race detector makes the usual one take seconds
	must(t, os.Chmod(b.at0(shadowPath), 0o640))
	must(t, os.Chown(b.at0(shadowPath), 0, 42))
	return b
}

func (b *box) shadow() string {
	b.t.Helper()
	is, err := os.ReadFile(b.at0(shadowPath))
	must(b.t, err)
	return string(is)
}

func (b *box) rootHash() string {
	m := regexp.MustCompile(`(?m)^root:([^:]*):`).FindStringSubmatch(b.shadow())
	return m[1]
}

// systemCrypt is what this machine's libcrypt makes of a password: PAM compares with that.
func systemCrypt(t testing.TB, password, setting string) string {
	t.Helper()
	cmd := exec.Command("perl", "-e", `chomp($p = <STDIN>); print crypt($p, $ARGV[0])`, setting)
	cmd.Stdin = strings.NewReader(password + "\n")
	out, err := cmd.Output()
	must(t, err)
	return string(out)
}

func TestTheHashIsWhatTheSystemsOwnCryptMakes(t *testing.T) {
	needRootFiles(t)
	for name, password := range map[string]string{
		"plain words":          testPassword,
		"what is generated":    GeneratePassword().Reveal(),
		"letters beyond ASCII": "pässwörter sind schön",
		"the longest one":      strings.Repeat("x", maxPassword),
	} {
		t.Run(name, func(t *testing.T) {
			b := shadowBox(t)
			b.cost = yescryptCost
			must(t, b.SetRootPassword(t.Context(), Secret{[]byte(password)}))
			got := b.rootHash()
			if want := systemCrypt(t, password, got); got != want {
				t.Errorf("the hash is %s, crypt(3) makes %s", got, want)
			}
			info, err := os.Stat(b.at0(shadowPath))
			must(t, err)
			if owner, err := b.look(shadowPath); err != nil || info.Mode().Perm() != 0o640 || owner.GID != 42 {
				t.Errorf("mode %v, group %d, error %v", info.Mode(), owner.GID, err)
			}
			day := strconv.FormatInt(time.Now().Unix()/86400, 10)
			want := strings.Replace(formerShadow, "$y$j9T$formersaltformersalt12$formerhashformerhash:19001", got+":"+day, 1)
			if b.shadow() != want {
				t.Errorf("shadow is:\n%s\nwant:\n%s", b.shadow(), want)
			}
		})
	}
}

func TestRootsPasswordCountsAsSetUntilSomebodyElseChangesIt(t *testing.T) {
	needRootFiles(t)
	b := shadowBox(t)
	ctx := t.Context()
	isSet := func() bool {
		_, set, err := b.RootPasswordSet(ctx)
		must(t, err)
		return set
	}
	if isSet() {
		t.Error("it counts as set before it was")
	}
	must(t, b.SetRootPassword(ctx, GeneratePassword()))
	if !isSet() {
		t.Error("it does not count as set")
	}
	must(t, b.SetRootPassword(ctx, GeneratePassword()))
	if !isSet() {
		t.Error("it does not count as set after a second time")
	}
	theirs := strings.Replace(b.shadow(), b.rootHash(), "$6$salt$somebodyelses", 1)
	must(t, os.WriteFile(b.at0(shadowPath), []byte(theirs), 0o640))
	if isSet() {
		t.Error("somebody else's password counts as ours")
	}
	must(t, b.SetRootPassword(ctx, GeneratePassword()))
	if !isSet() {
		t.Error("it does not count as set after it has replaced somebody else's")
	}
}

func TestThePasswordAfterACrashAtAnyOperationCanBeSet(t *testing.T) {
	needRootFiles(t)
	boom := errors.New("boom")
	ctx := context.Background()
	for _, again := range []bool{false, true} { // also while replacing one of ours
		b := shadowBox(t)
		b.ops = 0
		must(t, b.SetRootPassword(ctx, GeneratePassword()))
		if again {
			b.ops = 0
			must(t, b.SetRootPassword(ctx, GeneratePassword()))
		}
		operations := b.ops
		t.Logf("%d operations, replacing one of ours: %v", operations, again)
		for n := range operations {
			b := shadowBox(t)
			if again {
				must(t, b.SetRootPassword(ctx, GeneratePassword()))
			}
			b.faultAt(n, boom)
			if err := b.SetRootPassword(ctx, GeneratePassword()); !errors.Is(err, boom) {
				t.Fatalf("operation %d fails, but it ended with %v", n, err)
			}
			b.fail = nil
			must(t, b.SetRootPassword(ctx, Secret{[]byte(testPassword)}))
			if systemCrypt(t, testPassword, b.rootHash()) != b.rootHash() {
				t.Errorf("after a crash at %d the second run set another password", n)
			}
			if _, set, err := b.RootPasswordSet(ctx); !set || err != nil {
				t.Errorf("after a crash at %d and a second run it does not count as set, error %v", n, err)
			}
		}
	}
}

func TestNobodyElseWritesShadowMeanwhile(t *testing.T) {
	needRootFiles(t)
	b := shadowBox(t)
	f, err := os.OpenFile(b.at0(shadowLock), os.O_WRONLY|os.O_CREATE, 0o600)
	must(t, err)
	must(t, unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}))
	done := make(chan error, 1)
	go func() { done <- b.SetRootPassword(context.Background(), GeneratePassword()) }()
	select {
	case err := <-done:
		t.Fatalf("it did not wait for the lock: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	if b.shadow() != formerShadow {
		t.Error("shadow was written while another one held the lock")
	}
	must(t, f.Close())
	must(t, <-done)
}

func TestTheRealPasswdWaitsForOurLock(t *testing.T) {
	needHost(t)
	d := New(Options{})
	release, err := d.lockShadow()
	must(t, err)
	before, err := os.ReadFile(shadowPath)
	must(t, err)
	cmd := exec.Command("chpasswd", "-e") // takes lckpwdf(3)
	cmd.Stdin = strings.NewReader("root:$6$salt$hash\n")
	must(t, cmd.Start())
	time.Sleep(300 * time.Millisecond)
	during, err := os.ReadFile(shadowPath)
	must(t, err)
	release()
	must(t, cmd.Wait())
	after, err := os.ReadFile(shadowPath)
	must(t, err)
	if string(during) != string(before) || string(after) == string(before) {
		t.Error("chpasswd wrote while we held the lock, or not at all after")
	}
}

func TestATextThatIsNoPasswordIsRefusedAndNotShown(t *testing.T) {
	if s, err := NewPassword([]byte(testPassword)); err != nil || s.Reveal() != testPassword {
		t.Errorf("read %q, error %v", s.Reveal(), err)
	}
	for name, text := range map[string]string{
		"it is too short":             "elevenchars",
		"it is too long":              testPassword + strings.Repeat("x", maxPassword),
		"there are two lines":         testPassword + "\n" + testPassword,
		"it is not text":              testPassword + "\xff",
		"it is empty":                 "",
		"a NUL byte would end it all": testPassword + "\x00more",
	} {
		t.Run(name, func(t *testing.T) {
			s, err := NewPassword([]byte(text))
			var unfit *UnfitError
			if !errors.As(err, &unfit) || s.Reveal() != "" {
				t.Fatalf("it was taken, error %v", err)
			}
			if strings.Contains(err.Error(), testPassword) || strings.Contains(err.Error(), "elevenchars") {
				t.Errorf("the error shows it: %v", err)
			}
		})
	}
}

func TestGeneratedPasswordsAreReadableAndNeverTheSame(t *testing.T) {
	seen := map[string]bool{}
	letters := map[rune]int{}
	shape := regexp.MustCompile(`^([a-km-np-z2-9]{5}-){5}[a-km-np-z2-9]{5}$`)
	const n = 1000
	for range n {
		p := GeneratePassword().Reveal()
		if !shape.MatchString(p) || seen[p] {
			t.Fatalf("generated %q", p)
		}
		seen[p] = true
		for _, r := range strings.ReplaceAll(p, "-", "") {
			letters[r]++
		}
	}
	if bits := groups * groupSize * 5; bits < 128 || len(letters) != 32 {
		t.Errorf("%d bits from %d letters", bits, len(letters))
	}
	for r, count := range letters { // 30000 letters, 937 of each expected, deviation 30
		if count < 937-200 || count > 937+200 {
			t.Errorf("the letter %c comes %d times of %d", r, count, n*30)
		}
	}
}

func TestASecretPrintsAsNothingButThatItIsOne(t *testing.T) {
	s := Secret{[]byte(testPassword)}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", s, "in", struct{ S Secret }{s})
	encoded, err := json.Marshal(map[string]any{"a": s, "b": &s})
	must(t, err)
	all := fmt.Sprintf("%v %+v %#v %s %q %x %X %d %v %+v", s, s, s, s, s, s, s, s, &s, struct{ S Secret }{s}) + log.String() + string(encoded)
	holdsNone(t, "what a secret prints", all, testPassword)
}

// holdsNone fails when text holds a secret, plain, in hexadecimal or as bytes.
func holdsNone(t testing.TB, what, text string, secrets ...string) {
	t.Helper()
	for _, s := range secrets {
		for _, form := range []string{s, fmt.Sprintf("%x", s), fmt.Sprint([]byte(s))} {
			if strings.Contains(strings.ToLower(text), strings.ToLower(form)) {
				t.Errorf("%s holds a secret", what)
			}
		}
	}
}

func TestNeitherPasswordNorHashAppearsInLogsErrorsArgumentsOrFiles(t *testing.T) {
	h := newHost(t)
	ctx := t.Context()
	former := h.rootHash()
	stop := h.watchArguments()
	var secrets, said []string
	boom := errors.New("boom")
	before, err := h.CaptureSSH(ctx)
	must(t, err)
	for n := range 8 { // a fault at each operation of it, and none at the end
		h.faultAt(n, false, boom)
		password := GeneratePassword().Reveal()
		secrets = append(secrets, password)
		if err := h.SetRootPassword(ctx, Secret{[]byte(password)}); err != nil {
			said = append(said, err.Error())
		}
		h.fail = nil
		secrets = append(secrets, h.rootHash())
	}
	if len(said) < 4 {
		t.Fatalf("only %d errors were provoked", len(said))
	}
	must(t, h.ApplyKeys(ctx, []string{h.key}))
	must(t, h.ApplySSH(ctx, Proof{Keys: []string{h.key}, SessionOpen: time.Now().Add(time.Second)}))
	must(t, h.UndoSSH(ctx, before))
	files := h.filesWithout(shadowPath)
	secrets = slices.DeleteFunc(append(secrets, former), func(s string) bool { return s == "*" || s == "!" }) // a locked password is no secret
	if len(secrets) < 10 {
		t.Fatalf("only %d secrets were made", len(secrets))
	}
	seen := stop()
	if !strings.Contains(seen, "sshd") {
		t.Error("the watch over /proc saw no sshd: it proves nothing")
	}
	for what, text := range map[string]string{
		"the log": h.log.String(), "an error": strings.Join(said, "\n"), "an argument list": strings.Join(h.argv, "\n") + seen,
		"an operation's name": strings.Join(h.ops, "\n"), "a file": files, "sshd's log": h.read("/var/log/auth.log"),
	} {
		holdsNone(t, what, text, secrets...)
	}
}

func (h *host) rootHash() string {
	m := regexp.MustCompile(`(?m)^root:([^:]*):`).FindStringSubmatch(h.read(shadowPath))
	return m[1]
}

// filesWithout is the content of every file that was written in this test's
// host, but for those named.
func (h *host) filesWithout(but ...string) string {
	var b strings.Builder
	for _, dir := range []string{"/run/over/etc/upper", "/run/over/root/upper", "/run/over/var/upper", "/run/waddle"} {
		_ = filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
			for _, x := range append(but, "/etc/shadow-") { // shadow-, of chpasswd in another test
				if strings.HasSuffix(path, "upper"+strings.TrimPrefix(x, "/"+strings.Split(x, "/")[1])) {
					return nil
				}
			}
			if err == nil && e.Type().IsRegular() {
				b.WriteString(path + "\n" + h.read(path))
			}
			return nil
		})
	}
	return b.String()
}

// watchArguments collects the argument lists and environments of all processes
// until the returned function is called.
func (h *host) watchArguments() (stop func() string) {
	end, out := make(chan struct{}), make(chan string)
	go func() {
		seen := map[string]bool{}
		for {
			for _, pattern := range []string{"/proc/[0-9]*/cmdline", "/proc/[0-9]*/environ"} {
				files, _ := filepath.Glob(pattern)
				for _, f := range files {
					if b, err := os.ReadFile(f); err == nil {
						seen[string(b)] = true
					}
				}
			}
			select {
			case <-end:
				var all strings.Builder
				for s := range seen {
					all.WriteString(s + "\n")
				}
				out <- all.String()
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	return func() string { close(end); return <-out }
}
