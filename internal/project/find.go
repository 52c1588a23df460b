package project

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

const (
	composeFile      = "COMPOSE_FILE"
	composeSeparator = "COMPOSE_PATH_SEPARATOR"
)

// Find returns the project's folder for somebody who works in folder: that or the first one above it
// with a Compose file, as Compose and git find theirs. A file that COMPOSE_FILE names counts in place of
// the usual names; with an absolute path it says where the project is. Where there is no file at all, Find
// returns folder itself.
func Find(folder string, environ []string) string {
	env := types.NewMapping(environ)
	for at := folder; ; at = filepath.Dir(at) {
		named := env[composeFile]
		if named == "" {
			named = fileInSettings(at, environ)
		}
		switch separator := env[composeSeparator]; {
		case named == "" && hasComposeFile(at):
			return at
		case named != "":
			if separator == "" {
				separator = string(os.PathListSeparator)
			}
			first, _, _ := strings.Cut(named, separator)
			if filepath.IsAbs(first) {
				return filepath.Dir(first)
			}
			if _, err := os.Stat(filepath.Join(at, first)); err == nil {
				return at
			}
		}
		if at == filepath.Dir(at) {
			return folder
		}
	}
}

// fileInSettings is what .env or .env.local of a folder say of COMPOSE_FILE.
func fileInSettings(folder string, environ []string) string {
	s, err := readSettings(Settings{
		UIDName: defaultUID, GIDName: defaultGID, root: folder, values: defaults(environ), environ: environ, lenient: true,
	})
	if err != nil {
		return "" // said when the project is opened
	}
	return types.NewMapping(s.Environ())[composeFile]
}
