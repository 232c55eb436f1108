package schema

// Check is a rule that says who may make a call. Perm, All, Any, UserParam,
// UserGroup, Modify, Everyone and World are the kinds that there are.
type Check interface {
	// Rule is the check as the published schema writes it.
	Rule() any
}

// Perm wants privileges on a path, all of them or, with AnyOf, one. Path may name parameters
// in braces. With When, the rule fails where that parameter was not given.
type Perm struct {
	Path  string
	Privs []string
	AnyOf bool
	When  string
}

// AllOf wants every rule to hold, OneOf at least one.
type AllOf []Check

// OneOf wants at least one rule to hold.
type OneOf []Check

// UserParam looks at the parameter userid: "self", or a privilege on the user's realm.
type UserParam string

// UserGroup wants privileges on one of the groups of the parameter userid.
type UserGroup struct {
	Privs  []string
	Groups string // "create" or "update" when the call carries groups
}

// Modify wants the right to grant on the path of a parameter.
type Modify struct{ Path string }

// Everyone who has authenticated may make the call; what they see depends on their privileges.
type Everyone struct{}

// World may make the call without authentication.
type World struct{}

func strs(s []string) any {
	out := make([]any, len(s))
	for i := range s {
		out[i] = s[i]
	}
	return out
}

// Rule implements Check.
func (p Perm) Rule() any {
	rule := []any{"perm", p.Path, strs(p.Privs)}
	if p.AnyOf {
		rule = append(rule, "any", 1.0)
	}
	if p.When != "" {
		rule = append(rule, "require_param", p.When)
	}
	return rule
}

// Rule implements Check.
func (a AllOf) Rule() any { return combined("and", a) }

// Rule implements Check.
func (o OneOf) Rule() any { return combined("or", o) }

func combined(word string, rules []Check) any {
	out := []any{word}
	for _, r := range rules {
		out = append(out, r.Rule())
	}
	return out
}

// Rule implements Check.
func (u UserParam) Rule() any { return []any{"userid-param", string(u)} }

// Rule implements Check.
func (u UserGroup) Rule() any {
	rule := []any{"userid-group", strs(u.Privs)}
	if u.Groups != "" {
		rule = append(rule, "groups_param", u.Groups)
	}
	return rule
}

// Rule implements Check.
func (m Modify) Rule() any { return []any{"perm-modify", m.Path} }

// Rule implements Check.
func (Everyone) Rule() any { return "all" }

// Rule implements Check.
func (World) Rule() any { return "world" }

func perm(path string, privs ...string) Perm    { return Perm{Path: path, Privs: privs} }
func permAny(path string, privs ...string) Perm { return Perm{Path: path, Privs: privs, AnyOf: true} }
