package console

// Style paints text for a terminal; the zero value paints nothing.
type Style struct{ on bool }

// Painted is a Style that always paints, for tests of what a terminal gets.
func Painted() Style { return Style{on: true} }

// Each colour has one meaning all over the CLI.

// Good is for what is done or created.
func (s Style) Good(t string) string { return s.paint("32", t) }

// Warn is for what waits or needs a person.
func (s Style) Warn(t string) string { return s.paint("33", t) }

// Bad is for what failed, conflicts or is removed.
func (s Style) Bad(t string) string { return s.paint("31", t) }

// Info is for what is taken over or running.
func (s Style) Info(t string) string { return s.paint("36", t) }

// Dim is for what matters less.
func (s Style) Dim(t string) string { return s.paint("2", t) }

// Bold is for headings.
func (s Style) Bold(t string) string { return s.paint("1", t) }

func (s Style) paint(code, t string) string {
	if !s.on || t == "" {
		return t
	}
	return "\x1b[" + code + "m" + t + "\x1b[0m"
}
