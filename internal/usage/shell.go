package usage

import (
	"embed"
	"fmt"
	"slices"
	"strings"

	"github.com/im2-audio/im2/internal/term/closest"
)

//go:embed shells
var shells embed.FS

// Shells are those whose completion there is a script for.
func Shells() []string { return []string{"bash", "fish", "zsh"} }

// Script is what a shell has to read to complete lines.
func Script(shell string) (string, error) {
	if !slices.Contains(Shells(), shell) {
		return "", fmt.Errorf("there is no completion for the shell %q, only for %s%s",
			shell, strings.Join(Shells(), ", "), closest.Hint(shell, Shells()))
	}
	text, err := shells.ReadFile("shells/completion." + shell)
	if err != nil {
		return "", fmt.Errorf("reading the script for %s: %w", shell, err)
	}
	return string(text), nil
}
