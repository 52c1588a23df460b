package target

import (
	"io/fs"
	"os"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/term"
	"github.com/im2-audio/im2/internal/usage"
)

// pageColumns is how wide a text is where there is no terminal.
const pageColumns = 100

// Answer reads the arguments of this process before Mage does. It reports whether it answered
// them, and with which exit code the process is to end then. sources are the targets' files.
func Answer(sources fs.FS, args []string) (int, bool) {
	ui := term.New(os.Stdout, os.Stderr, os.Getenv)
	u, err := usage.Read(sources)
	if err != nil {
		return 0, false // only "mage help" needs it, and says so
	}
	text, err := u.Answer(args, os.Getenv, columns())
	switch {
	case err != nil:
		ui.Note("Error: %v", err)
		return int(exit.Unusable), true
	case text != "":
		ui.Text(text)
		return 0, true
	}
	return 0, false
}

// Help prints every target, in groups.
func (t Target) Help(sources fs.FS) error {
	u, err := usage.Read(sources)
	if err != nil {
		return err
	}
	t.UI.Text(u.Overview(columns()))
	return nil
}

// columns is how wide a text may be.
func columns() int {
	if n := term.Columns(os.Stdout); n > 0 {
		return min(n, pageColumns)
	}
	return pageColumns
}
