// Package exit carries the exit code of a target inside its error, so that the code
// survives any number of wraps.
//
// Mage asks only the outermost error for its code (the generated main tests
// err.(interface{ ExitStatus() int }) without errors.As), so a target's last step is
// Outermost.
package exit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"runtime/debug"
	"strings"

	"github.com/im2-audio/im2/internal/safetext"
)

// Code is a process exit code.
type Code int

const (
	// Failed is the code when the work failed or a check found something.
	Failed Code = 1
	// Unusable is the code of wrong use: arguments, settings or project files that
	// cannot be worked with. Nothing was changed.
	Unusable Code = 2
	// Missing is the code when something outside of the project is missing: Docker,
	// the network, a tool.
	Missing Code = 3
	// Interrupted is the code after SIGINT or SIGTERM (128 + SIGINT, as shells do).
	Interrupted Code = 130
)

// Error is an error with an exit code.
type Error struct {
	// Code is what the process exits with.
	Code Code
	// Err is the cause; never nil.
	Err error
	// Fix is what fixes it, where that is known.
	Fix Fix
}

// Fix is what fixes an error.
type Fix struct {
	// Type is the command to type; "" where there is none.
	Type string
	// Note says what the command does, and what else is to be done.
	Note string
}

// String is the command in quotes and the note.
func (f Fix) String() string {
	switch {
	case f.Type == "":
		return f.Note
	case f.Note == "" || f.Note[0] == ',':
		return `"` + f.Type + `"` + f.Note
	}
	return `"` + f.Type + `" ` + f.Note
}

// plain are the words that a shell takes as they are.
var plain = regexp.MustCompile(`^[\w@%+=:,./-]+$`)

// Word returns a path as one word of a command to type, in the quotes that a shell needs for it.
func Word(path string) string {
	if plain.MatchString(path) {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

// fixMark is between a cause and its fix.
const fixMark = "; fix: "

// Error returns the text of the cause, and the fix.
func (e *Error) Error() string {
	if fix := e.Fix.String(); fix != "" {
		return e.Err.Error() + fixMark + fix
	}
	return e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ExitStatus is what Mage's generated main asks for.
func (e *Error) ExitStatus() int { return int(e.Code) }

// Errorf formats an error as fmt.Errorf does and gives it a code.
func Errorf(code Code, format string, args ...any) error {
	return &Error{Code: code, Err: fmt.Errorf(format, args...)}
}

// Fixable is Errorf with a fix, which the text ends with.
func Fixable(code Code, fix Fix, format string, args ...any) error {
	return &Error{Code: code, Err: fmt.Errorf(format, args...), Fix: fix}
}

// Split returns an error's text without the fix, and the fix.
func Split(err error) (text string, fix Fix) {
	text = err.Error()
	for e := (*Error)(nil); errors.As(err, &e); err = e.Err {
		if e.Fix != (Fix{}) {
			return strings.Replace(text, fixMark+e.Fix.String(), "", 1), e.Fix
		}
	}
	return text, Fix{}
}

// With gives err a code; nil stays nil.
func With(code Code, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Code: code, Err: err}
}

// Outermost returns err with the code found anywhere inside of it as its own, or
// Failed where there is none. An interrupt beats every other code, since what an
// interrupted command reports is its consequence. Nil stays nil.
func Outermost(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, context.Canceled) {
		return &Error{Code: Interrupted, Err: interrupt{err}}
	}
	code := Failed
	var coded *Error
	if errors.As(err, &coded) {
		code = coded.Code
	}
	return &Error{Code: code, Err: printable{err}}
}

// printable is an error whose text has nothing that a terminal would obey: Mage prints it as it is, and it may have
// log lines and names of others.
type printable struct{ error }

func (p printable) Error() string { return safetext.Lines(p.error.Error()) }
func (p printable) Unwrap() error { return p.error }

// interrupt is an error that only an interrupt led to. Its text says what was going on; "context canceled" is no
// word of people who typed Ctrl-C.
type interrupt struct{ error }

var canceled = regexp.MustCompile(`(: |^)?` + context.Canceled.Error())

func (i interrupt) Error() string {
	text := "interrupted"
	for line := range strings.Lines(canceled.ReplaceAllString(i.error.Error(), "")) {
		if line = strings.TrimSpace(line); line != "" && !strings.Contains(text, line) {
			text += ": " + line
		}
	}
	return safetext.Line(text)
}

func (i interrupt) Unwrap() error { return i.error }

// Reason is the reason in an error about a file, for a message that names the file itself; any other error as it
// is.
func Reason(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// im2 is the import path of the command that has the targets for people without Mage.
const im2 = "github.com/im2-audio/im2/cmd/im2"

// IsIM2 reports whether this process is the im2 command, and not targets that Mage compiled.
func IsIM2() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && info.Path == im2
}

// commands are the commands of im2 in texts that name them as Mage does. A test of cmd/im2 compares them.
var commands = regexp.MustCompile(`\bmage (-v )?(audit|build|clean|cluster-(?:down|logs|render|status|up)|doctor|down|env|help|logs|new|open|remove|reset-permissions|restart|setup|status|up|verify)\b`)

// ForIM2 puts im2 in place of Mage into a text that says what to type: both know the same commands.
func ForIM2(text string) string { return commands.ReplaceAllString(text, "im2 $1$2") }
