package platform

import (
	"regexp"
	"strings"
)

// secretMarks are how secret values of the plan's parties begin. A file that
// holds one is refused, and its text is repeated nowhere.
var secretMarks = []string{
	"-----BEGIN", "ghp_", "gho_", "ghs_", "ghu_", "github_pat_", "ops_ey", "eyJ", "AGE-SECRET-KEY-", "b3BlbnNzaC1rZXk",
}

// secretKeyRE finds a key whose name says that its value is a secret.
var secretKeyRE = regexp.MustCompile(`(?i)(password|passphrase|passwd|secret|token|credential)[a-z0-9_-]*["']?\s*[:=]\s*[^\s{]`)

// looksSecret reports whether s begins like a private key or a token.
func looksSecret(s string) bool {
	s = strings.TrimSpace(s)
	for _, m := range secretMarks {
		if strings.HasPrefix(s, m) {
			return true
		}
	}
	return false
}

// hidesSecret reports whether a source line may show a secret.
func hidesSecret(line string) bool {
	for _, m := range secretMarks {
		if strings.Contains(line, m) {
			return true
		}
	}
	return secretKeyRE.MatchString(line)
}
