package report

import (
	"fmt"
	"strings"

	"github.com/im2-audio/im2/internal/safetext"
	"github.com/im2-audio/im2/nonroot"
)

// GitHub returns the findings as workflow commands of GitHub Actions, one a line, which show them beside the lines of a pull
// request, and a last line that counts them.
func GitHub(r nonroot.Report, o Options) string {
	var b strings.Builder
	for _, f := range r.Findings {
		level := f.Level.String()
		if f.Level == nonroot.Note {
			level = "notice"
		}
		properties := "file=" + property(f.File)
		if f.Line > 0 {
			properties += fmt.Sprintf(",line=%d,col=%d,endColumn=%d", f.Line, f.Column, f.EndColumn)
		}
		message := f.Message + services(f)
		if f.Hint != "" {
			message += "\n" + f.Hint
		}
		fmt.Fprintf(&b, "::%s %s,title=%s::%s\n", level, properties, property(f.Rule), data(message))
	}
	b.WriteString(outcomes(r) + summary(r, o) + "\n")
	return b.String()
}

// data escapes the text of a workflow command, property a value before it. A line that begins with "::" would be another
// command.
func data(text string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(safetext.Lines(text))
}

func property(text string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(data(text))
}
