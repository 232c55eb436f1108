package access

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// The marks around our block in authorized_keys.
const (
	blockBegin = "# BEGIN waddle: from spec.host.ssh.authorizedKeys of the platform; change them there"
	blockEnd   = "# END waddle"
)

// key is one line of authorized_keys that sshd takes.
type key struct {
	line    string // as it is written, options and comment included
	blob    string // what makes two keys the same
	print   string // SHA256:…
	comment string
	options []string
}

func parseKey(line string) (key, error) {
	public, comment, options, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return key{}, err
	}
	return key{line: strings.TrimSpace(line), blob: string(public.Marshal()), print: ssh.FingerprintSHA256(public), comment: comment, options: options}, nil
}

func (k key) String() string { return strings.TrimSpace(k.print + " " + k.comment) }

// hinders returns the option that keeps the key from opening a shell from
// anywhere, "" when there is none (sshd(8), AUTHORIZED_KEYS FILE FORMAT).
func (k key) hinders(now time.Time) string {
	for _, o := range k.options {
		name, value, _ := strings.Cut(o, "=")
		switch strings.ToLower(name) {
		case "command", "from", "cert-authority", "principals":
			return strings.ToLower(name)
		case "expiry-time":
			if end, err := expiry(strings.Trim(value, `"`)); err != nil || !now.Before(end) {
				return "expiry-time"
			}
		}
	}
	return ""
}

// expiry reads YYYYMMDD[HHMM[SS]][Z].
func expiry(text string) (time.Time, error) {
	zone := time.Local
	if utc := strings.TrimSuffix(text, "Z"); utc != text {
		text, zone = utc, time.UTC
	}
	for _, layout := range []string{"20060102", "200601021504", "20060102150405"} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time", text)
}

func parseKeys(lines []string) ([]key, error) {
	keys := make([]key, 0, len(lines))
	for i, l := range lines {
		k, err := parseKey(l)
		if err != nil {
			return nil, fmt.Errorf("cannot read authorized key %d of the platform: %w", i+1, err)
		}
		keys = append(keys, k)
	}
	return keys, nil
}
