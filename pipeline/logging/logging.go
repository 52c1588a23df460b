// Package logging is how services log. Each line about a song has the ID of its job under JobKey, in all of them, so that one
// song can be followed from the first to the last.
package logging

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
)

// Setting is the setting. Empty is Text.
const Setting = "LOG_FORMAT"

// The formats.
const (
	Text = "text"
	JSON = "json"
)

// Formats are the values that Setting may have.
var Formats = []string{Text, JSON}

// JobKey is the key of a job's ID in a line.
const JobKey = "job"

// Check returns an error for a format that there is not.
func Check(format string) error {
	if format != "" && !slices.Contains(Formats, format) {
		return fmt.Errorf("it must be %s", strings.Join(Formats, " or "))
	}
	return nil
}

// New returns what writes lines of a format that Check accepts.
func New(w io.Writer, format string) *slog.Logger {
	if cmp.Or(format, Text) == JSON {
		return slog.New(slog.NewJSONHandler(w, nil))
	}
	return slog.New(slog.NewTextHandler(w, nil))
}
