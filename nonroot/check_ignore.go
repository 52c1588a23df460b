package nonroot

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"

	"github.com/im2-audio/im2/nonroot/internal/subpath"
)

// ignoreFile judges what gets into a build that copies its whole context.
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
	if data := a.data; data != "" && subpath.In(context, data) {
		if rel, err := filepath.Rel(context, data); err == nil {
			there = append(there, filepath.ToSlash(rel))
		}
	}
	path := d.src.path + ".dockerignore" // it wins over the common one
	text, err := a.readFile(path)
	if err != nil || d.inline {
		path = filepath.Join(context, ".dockerignore")
		text, err = a.readFile(path)
	}
	exists := err == nil
	open := notIgnored(text, there)
	if len(open) == 0 {
		return
	}
	at := spot{path: path}
	if exists {
		at.line, at.col, at.end = 1, 1, 1
	}
	f := a.found("R01", OK, s, at, "the build of %s copies its whole context, and with it %s", s.name, strings.Join(open, ", "))
	src := newSource(path, text)
	last := len(src.lines)
	if len(text) > 0 && text[len(text)-1] != '\n' {
		last++
	}
	a.fixable(f, path, src.insert(last, open...))
}

// copiesAll says that a built stage copies the context as a whole.
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
			for _, from := range sources {
				if clean := filepath.ToSlash(filepath.Clean("/" + from)); clean == "/" {
					return true
				}
			}
		}
	}
	return false
}

// notIgnored returns those of the names that an ignore file lets through. One that cannot
// be understood lets nothing be said.
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
