package view

import (
	"strings"

	"github.com/waddle-social/waddle/client"
)

// Tokens is the list of tokens; it has no secret to show.
func Tokens(l client.TokenList, c Clock) string {
	if len(l.Tokens) == 0 {
		return "no tokens: waddle token create makes one\n"
	}
	rows := [][]string{{"ID", "NAME", "SCOPES", "EXPIRES", "LAST USED", "MADE BY"}}
	for _, t := range l.Tokens {
		scopes := make([]string, len(t.Scopes))
		for i, s := range t.Scopes {
			scopes[i] = string(s)
		}
		expires := c.ago(t.Expires)
		if !t.Expires.After(c.Now) {
			expires = "EXPIRED " + expires
		}
		rows = append(rows, []string{t.ID, t.Name, strings.Join(scopes, ","), expires, c.ago(t.LastUsed), t.CreatedBy})
	}
	return Columns(rows...)
}
