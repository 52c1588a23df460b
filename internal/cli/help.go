package cli

import (
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/term"
	"github.com/im2-audio/im2/internal/usage"
	"github.com/im2-audio/im2/internal/usage/manual"
)

// pageColumns is how wide a text is where there is no terminal.
const pageColumns = 100

// readTargets reads the targets, and what there is to say of each beside its signature.
func readTargets(sources fs.FS) (*usage.Usage, error) {
	u, err := usage.Read(sources)
	if err == nil {
		u.Notes = manual.Notes
	}
	return u, err
}

// Answer reads the arguments of this process before Mage does. It reports whether it answered
// them, and with which exit code the process is to end then. sources are the targets' files.
func Answer(sources fs.FS, args []string) (int, bool) {
	ui := term.New(os.Stdout, os.Stderr, os.Getenv)
	u, err := readTargets(sources)
	if err != nil {
		return 0, false // only "mage help" needs it, and says so
	}
	text, err := u.Answer(args, os.Getenv, columns())
	switch {
	case err != nil:
		if better := stray(args); better != nil {
			err = better
		}
		ui.Error(err.Error())
		return int(exit.Unusable), true
	case text != "":
		ui.Text(text)
		return 0, true
	}
	return 0, false
}

// Help prints every target, in groups.
func (t Target) Help(sources fs.FS) error {
	u, err := readTargets(sources)
	if err != nil {
		return err
	}
	t.UI.Text(u.Overview("A song in, stems out, nothing as root. To begin: mage setup up", columns()))
	return nil
}

// HelpImported is Help for a project that imports the targets, perhaps under a name: "mage im2:help".
// Mage takes what follows help in args, the arguments of this process, for targets to run. Here those
// are explained, and it reports that; an error about them ends the line as well.
func (t Target) HelpImported(sources fs.FS, args []string) (explained bool, err error) {
	u, err := readTargets(sources)
	if err != nil {
		return false, err
	}
	at := slices.IndexFunc(args, func(arg string) bool { return strings.HasSuffix(strings.ToLower(":"+arg), ":help") })
	if at < 0 {
		at = len(args) - 1 // help is the default target
	} else if before, _, named := strings.Cut(args[at], ":"); named {
		u.Under(strings.ToLower(before) + ":")
	}
	if at == len(args)-1 {
		t.UI.Text(u.Overview("Targets for any Compose project, from github.com/im2-audio/im2. To begin: mage "+u.Prefix+"setup "+u.Prefix+"up", columns()))
		return false, nil
	}
	names := slices.Clone(args[at+1:])
	for i, name := range names {
		if !strings.Contains(name, ":") {
			names[i] = u.Prefix + name
		}
	}
	text, err := u.Explain(names, columns())
	if err != nil {
		return false, exit.Fixable(exit.Unusable, exit.Fix{Type: "mage -h TARGET", Note: "explains those of the magefile itself"}, "explaining targets of IM2: %w", err)
	}
	t.UI.Text(text)
	return true, nil
}

// columns is how wide a text may be.
func columns() int {
	if n := term.Columns(os.Stdout); n > 0 {
		return min(n, pageColumns)
	}
	return pageColumns
}
