package nonroot

import (
	"errors"
	"fmt"

	"github.com/im2-audio/im2/ownership"
)

// Options say how a project is checked. The zero value checks it by all rules, as a project without
// conventions, and knows no image.
type Options struct {
	// Root is the folder to which the files of findings are relative; "" stands for the project's
	// WorkingDir.
	Root string
	// Environ supplies build arguments that the Compose file lists without a value, as "NAME=value"; nil means
	// the project's Environment.
	Environ []string
	// Image returns what is known of an image, such as by "docker image inspect"; false for nothing. It may
	// be nil. See [Images].
	Image func(name string) (Image, bool)
	// Only are the IDs of the rules to check; none means all.
	Only []string
	// Files overrides file contents, keyed by absolute path.
	Files map[string][]byte
	// Keep are the absolute paths of files that [Fix] must not change, since it was tried. Their findings have no fix.
	Keep []string
	// Conventions are what the project promises about itself; nil for a project without any.
	Conventions *Conventions
	// StandIn is the value in the project that stands for one that is not known, such as of a variable that must be set and is not; ""
	// for none. A user with it is not judged.
	StandIn string
	// More are findings of other checks of the project, such as those of package nonroot/kubernetes: they are sorted, chosen and suppressed
	// with the rest.
	More []Finding
	// Problems are settings that cannot be used, which become findings of E01.
	Problems []Problem
}

// Image is what is known of an image: fields of its Config.
type Image struct {
	// User is the user, in any form; "" is root.
	User string
	// Env are its variables, as "NAME=value".
	Env []string
	// OnBuild are the instructions that run in what is built on it.
	OnBuild []string
	// Entrypoint and Cmd are what it starts.
	Entrypoint, Cmd []string
}

// Conventions are what a project promises: its services share a data folder, and all that mount it run as
// one user, whose IDs are settings. Such a project is checked by all rules at their full level ([Rule.Own]).
type Conventions struct {
	// Data is the absolute path of the data folder.
	Data string
	// Folders are the absolute paths of folders below it in which services work beside those that they mount; may be
	// empty.
	Folders []string
	// User is the user that owns it. IDs that cannot be used are 0 and in [Options.Problems].
	User ownership.Owner
	// UID and GID are the settings that hold the IDs.
	UID, GID Setting
	// Files are the absolute paths of the settings files (.env), the weakest first. They need not exist.
	Files []string
}

// Setting is a variable of the Compose file and who sets it.
type Setting struct {
	// Name is the variable, Value its value in force.
	Name, Value string
	// File is the absolute path of the file that sets it, Line the line there, from 1; "" and 0 where no
	// file does.
	File string
	Line int
	// Environment says that the process environment sets it.
	Environment bool
}

// Problem is a setting that cannot be used.
type Problem struct {
	// Setting is the setting. Where Unset is true, only its Name is read.
	Setting Setting
	// Unset says that the Compose file needs the variable and nothing sets it. That is only a note, since Compose
	// does not start such a project.
	Unset bool
	// Err is what is wrong; never nil.
	Err error
	// Hint is what a person can do about it; may be empty.
	Hint string
}

// UnknownRuleError is returned for an ID in [Options.Only] that no rule has.
type UnknownRuleError struct {
	// ID is what was asked for.
	ID string
}

// Error names the ID.
func (e *UnknownRuleError) Error() string { return fmt.Sprintf("there is no rule %q", e.ID) }

// ErrNoFiles is returned for a project that was not loaded from files.
var ErrNoFiles = errors.New("the project names no Compose file (ComposeFiles)")
