package project

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/run"
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
	for at := folder; ; at = filepath.Dir(at) {
		named := run.Getenv(environ, composeFile)
		if s, err := readSettings(at, environ, true); named == "" && err == nil { // an error is reported by who opens the project
			named = run.Getenv(s.Environ(), composeFile)
		}
		switch separator := run.Getenv(environ, composeSeparator); {
		case named == "" && hasComposeFile(at):
			return at
		case named != "":
			first, _, _ := strings.Cut(named, cmp.Or(separator, string(os.PathListSeparator)))
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

// Files returns the Compose files of the project in root that are on this machine, as
// Compose would choose them; later ones override earlier ones. They are not read.
func Files(root string, environ []string) ([]string, error) {
	s, err := readSettings(root, environ, true)
	if err != nil {
		return nil, err
	}
	return s.composeFiles()
}

func (s Settings) composeFiles() ([]string, error) {
	options, err := s.compose()
	if err != nil {
		return nil, err
	}
	files := slices.DeleteFunc(slices.Clone(options.ConfigPaths), func(path string) bool {
		_, err := os.Stat(path)
		return err != nil
	})
	if len(files) == 0 {
		return nil, exit.Errorf(exit.Unusable, "no Compose file of %s is on this machine (%s)", s.root, strings.Join(options.ConfigPaths, ", "))
	}
	return files, nil
}

// leaveOutMissing leaves out the files that COMPOSE_FILE names and that are missing, such as a personal one, and returns them; never
// all of them.
func (s *Settings) leaveOutMissing() (gone []string) {
	env := s.Environ()
	names := strings.Split(run.Getenv(env, composeFile), cmp.Or(run.Getenv(env, composeSeparator), string(os.PathListSeparator)))
	for _, name := range names {
		if _, err := os.Stat(joined(s.root, name)); err != nil {
			gone = append(gone, name)
		} else {
			s.present = append(s.present, joined(s.root, name))
		}
	}
	if len(gone) == 0 || len(s.present) == 0 {
		s.present = nil
		return nil
	}
	return gone
}

// hasComposeFile checks root alone: compose-go would also search the parent folders and take up another project.
func hasComposeFile(root string) bool {
	return slices.ContainsFunc(cli.DefaultFileNames, func(name string) bool {
		_, err := os.Stat(filepath.Join(root, name))
		return err == nil
	})
}

func noComposeFile(root string) error {
	if exit.IsIM2() {
		return exit.Errorf(exit.Unusable, "no Compose file in %s or a folder above it; run im2 in a project", root)
	}
	return exit.Errorf(exit.Unusable,
		"no docker-compose.yml in %s: run mage in the project's folder, or \"git restore docker-compose.yml\"", root)
}
