// Package look has the stylesheet of pages that are sent to somebody: the reports of audit and verify.
package look

import (
	_ "embed"
	"html/template"
)

//go:embed look.css
var text string

// Style is the stylesheet, to be put into the page itself: a page that is sent has no other file. Classes are what reports say of
// things: "ok", "fail", "root" and so on.
var Style = template.CSS(text) //nolint:gosec // it is a file of this package, and has nothing of others
