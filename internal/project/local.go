package project

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2/maybe"

	"github.com/im2-audio/im2/internal/exit"
)

// WriteLocal sets variables in .env.local of the project in root: names, each with its value behind it.
func WriteLocal(root string, assignments ...string) error {
	path := filepath.Join(root, LocalFile)
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return exit.Errorf(exit.Unusable, "reading settings: %w", err)
	}
	changed := string(text)
	for i := 0; i+1 < len(assignments); i += 2 {
		changed = Assign(changed, assignments[i], assignments[i+1])
	}
	if err := maybe.WriteFile(path, []byte(changed), 0o644); err != nil {
		return exit.Errorf(exit.Failed, "writing settings: %w", err)
	}
	return nil
}

// Assign returns the text of a settings file in which a variable has a value, and only one.
func Assign(text, name, value string) string {
	var lines []string
	for _, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		set := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "export "))
		if !strings.HasPrefix(set, name+"=") && (line != "" || len(lines) > 0) {
			lines = append(lines, line)
		}
	}
	return strings.Join(append(lines, name+"="+value), "\n") + "\n"
}
