package view

import "github.com/waddle-social/waddle/cmd/waddle/internal/console"

// Look is how something is shown.
type Look struct {
	console.Style
	Full bool // files and rule lists to their last line
}
