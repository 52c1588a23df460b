package exit

import (
	"regexp"
	"runtime/debug"
)

// im2 is the import path of the command that has the targets for people without Mage.
const im2 = "github.com/im2-audio/im2/cmd/im2"

// IsIM2 reports whether this process is the im2 command, and not targets that Mage compiled.
func IsIM2() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && info.Path == im2
}

// commands are those of im2 in texts that name them as Mage does. A test of cmd/im2 compares them.
var commands = regexp.MustCompile(`\bmage (audit|build|clean|doctor|down|env|help|logs|new|reset-permissions|restart|setup|status|up|verify)\b`)

// ForIM2 puts im2 in place of Mage into a text that says what to type: both know the same commands.
func ForIM2(text string) string { return commands.ReplaceAllString(text, "im2 $1") }
