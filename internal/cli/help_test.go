package cli

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/term"
)

// TestHelpOfImportedTargets reads the command line as a project does that imports the targets.
func TestHelpOfImportedTargets(t *testing.T) {
	t.Parallel()
	sources := fstest.MapFS{
		"targets.go":      {Data: []byte("package targets\n\n// Build builds.\nfunc Build() {}\n\n// ResetPermissions resets.\nfunc ResetPermissions() {}\n")},
		"targets_test.go": {Data: []byte("package targets\n\nfunc TestBuild() {}\n")},
	}
	for _, c := range []struct {
		line      string
		explained bool
		want      string // in what is printed, or in the error
	}{
		{"help", false, "\n  resetPermissions  resets\n"},
		{"-v help", false, "mage setup up"},
		{"deploy", false, "mage setup up"}, // help is the default target
		{"im2:help", false, "\n  im2:resetPermissions  resets\n"},
		{"help build", true, "mage build\n\nBuilds."},
		{"down HELP resetpermissions", true, "mage resetPermissions\n"},
		{"im2:help im2:build", true, "mage im2:build\n"},
		{"im2:help build", true, "mage im2:build\n"},
		{"help biuld", false, `did you mean "build"?`},
		{"help testbuild", false, `there is no target "testbuild"`},
	} {
		ui, out, _ := term.Test()
		explained, err := Target{UI: ui}.HelpImported(sources, strings.Fields(c.line))
		said := out.String()
		if err != nil {
			said = err.Error()
			if code := exit.Outermost(err).(*exit.Error).Code; code != exit.Unusable { //nolint:errorlint // Outermost returns no other type
				t.Errorf("%s: exit code %d", c.line, code)
			}
		}
		if explained != c.explained || !strings.Contains(said, c.want) || strings.Contains(said, "test") && err == nil {
			t.Errorf("%s: %v, %s", c.line, explained, said)
		}
	}
}
