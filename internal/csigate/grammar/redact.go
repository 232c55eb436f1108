package grammar

import "regexp"

var passwordLine = regexp.MustCompile(`(?i)(pass(?:word|phrase|wd)?\s*=)[^\n]*`)

// Redact returns an exec string, a well formed one or not, without the CHAP
// passwords in it. What follows password= on its line is dropped as a whole.
func Redact(s string) string { return passwordLine.ReplaceAllString(s, "$1(secret)") }

func redactedQuote(s string) string { return quote(Redact(s)) }
