package nonroot

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"

	"github.com/im2-audio/im2/nonroot/internal/subpath"
)

func (a *auditor) ignoreFile(s *subject, d *dockerfileSubject) {
	context := s.cfg.Build.Context
	if remote(context) || !copiesAll(d) {
		return
	}
	var there []string
	for _, name := range []string{".env", ".env.local", ".git"} {
		if _, err := os.Lstat(filepath.Join(context, name)); err == nil {
			there = append(there, name)
		}
	}
	if data, is := subpath.Rel(context, a.data); is && a.data != "" {
		there = append(there, filepath.ToSlash(data))
	}
	src := a.source(d.src.Path + ".dockerignore") // it wins over the common one
	if src.err != nil || d.inline {
		src = a.source(filepath.Join(context, ".dockerignore"))
	}
	open := notIgnored(src.Text, there)
	if len(open) == 0 {
		return
	}
	at := spot{path: src.Path}
	if src.err == nil {
		at = spot{path: src.Path, line: 1, col: 1, end: 1}
	}
	f := a.found("R01", OK, s, at, "the build of %s copies its whole context, and with it %s", s.title, strings.Join(open, ", "))
	f.fixBy(src.Path, src.Insert(src.Lines()+1, open...))
}

func copiesAll(d *dockerfileSubject) bool {
	for _, i := range d.Stages {
		for _, c := range d.file.Stages[i].Commands {
			var sources []string
			switch c := c.(type) {
			case *instructions.CopyCommand:
				if c.From == "" {
					sources = c.SourcePaths
				}
			case *instructions.AddCommand:
				sources = c.SourcePaths
			}
			if slices.ContainsFunc(sources, func(from string) bool { return path.Clean("/"+filepath.ToSlash(from)) == "/" }) {
				return true
			}
		}
	}
	return false
}

// notIgnored returns those of the names that an ignore file lets through; none for a file that cannot be
// understood.
func notIgnored(text []byte, names []string) []string {
	patterns, err := ignorefile.ReadAll(bytes.NewReader(text))
	if err != nil {
		return nil
	}
	matcher, err := patternmatcher.New(patterns)
	if err != nil {
		return nil
	}
	var open []string
	for _, name := range names {
		if ignored, err := matcher.MatchesOrParentMatches(name); err == nil && !ignored {
			open = append(open, name)
		}
	}
	return open
}
