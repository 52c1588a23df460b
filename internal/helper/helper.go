// Package helper is what IM2 runs inside of containers and builds: a static program that needs
// nothing of the image. What it does depends on the name that it is called by. The command
// im2-helper is built for it from source, and im2 takes its own executable file.
package helper

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/machine/doctor/probe"
)

// The names that a program begins with, dots apart.
const (
	Put    = "im2-put"
	Reset  = "im2-reset"
	Verify = "im2-verify"
	Doctor = probe.Name
)

// program is one of them.
type program func(args []string, stdin io.Reader, stdout, stderr io.Writer) error

// Main runs the program that the file in args[0] is named for, and returns its exit code: 0; 1 when
// what was asked could not be done, or is not as it should be; 2 when it was used wrongly; 130 when it was
// interrupted. Those from 125 up are otherwise the engine's. It reports false, and does nothing, for
// any other name.
func Main(args []string) (code int, known bool) {
	name := strings.TrimLeft(filepath.Base(args[0]), ".")
	for prefix, run := range programs() {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		err := exit.Outermost(run(args[1:], os.Stdin, os.Stdout, os.Stderr))
		var coded *exit.Error
		if !errors.As(err, &coded) {
			return 0, true
		}
		// BuildKit shows this among lines of its own, and a name tells it from them.
		text := err.Error()
		if prefix == Doctor {
			text = Doctor + ": " + text
		}
		_, _ = fmt.Fprintln(os.Stderr, text)
		return int(coded.Code), true
	}
	return 0, false
}
