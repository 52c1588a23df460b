// Package look has the stylesheet of all pages: those of the service web, and the reports of audit and verify. What only the pages of
// web need is in stylesheets of its own.
package look

import (
	_ "embed"
	"html/template"
)

//go:embed look.css
var text string

// Style has colours, light and dark, type, tables and the focus, and classes for what is said of a job, a service or a check:
// "done", "root", "fail" and so on. Web serves it; a report has it in the page itself, because a page that is sent has no other file.
var Style = template.CSS(text) //nolint:gosec // it is a file of this package, and has nothing of others
