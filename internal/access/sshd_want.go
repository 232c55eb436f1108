package access

import "strings"

// setting is one thing that the drop-in says.
type setting struct{ keyword, name, value string }

// settings are the plan's "disable SSH password authentication" in full: the
// three ways in which sshd takes a password, and root's.
var settings = [...]setting{
	{"passwordauthentication", "PasswordAuthentication", "no"},
	{"kbdinteractiveauthentication", "KbdInteractiveAuthentication", "no"},
	{"permitemptypasswords", "PermitEmptyPasswords", "no"},
	{"permitrootlogin", "PermitRootLogin", "prohibit-password"},
}

// dropInText is what our file says.
func dropInText() []byte {
	var b strings.Builder
	b.WriteString("# Managed by waddled: no passwords over SSH. It is written again when it is changed;\n# take it back with: waddle phase undo 0.\n")
	for _, s := range settings {
		b.WriteString(s.name + " " + s.value + "\n")
	}
	return []byte(b.String())
}

// ourDropIn is our file. Others may read it, as the rest of sshd's configuration.
func ourDropIn() FileState {
	return FileState{Path: sshdDropIn, Exists: true, Content: dropInText(), Mode: 0o644}
}

// closes reports whether value lets in no more than the setting does.
func (s setting) closes(value string) bool {
	value = strings.ToLower(value)
	if s.keyword != "permitrootlogin" {
		return value == s.value
	}
	return value == "prohibit-password" || value == "without-password" || value == "forced-commands-only" || value == "no"
}

// rootByKey reports whether a value of PermitRootLogin lets root in with a key.
func rootByKey(value string) bool {
	return value == "prohibit-password" || value == "without-password" || value == "yes"
}
