package nonroot

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/im2-audio/im2/nonroot/internal/subpath"
)

// Limits on the search for what an image starts with.
const (
	// maxStart is how many words of a start are read.
	maxStart = 50
	// maxCopied is how many files of a copied folder are.
	maxCopied = 2000
)

// dropsRoot finds what an image uses to become another user after its start; "" for none.
func (a *auditor) dropsRoot(s *subject, d *dockerfileSubject) string {
	start, own := d.start(s)
	if tool := dropper(strings.Join(start, " ")); tool != "" {
		return tool
	}
	calls := !own // the base's entrypoint is what starts, or is called by what does
	for _, word := range start {
		for _, text := range a.scripts(s, d, word) {
			if tool := dropper(text); tool != "" {
				return tool
			}
			calls = calls || strings.Contains(text, "docker-entrypoint")
		}
		calls = calls || path.Base(word) == "docker-entrypoint.sh"
	}
	if len(start) > 0 && path.Base(start[0]) == "init" {
		if tool := a.supervised(s, d); tool != "" {
			return tool
		}
	}
	for _, c := range d.runs { // installed for an entrypoint that cannot be read here
		for _, word := range c.words {
			if word == "gosu" || word == "su-exec" {
				return word
			}
		}
	}
	if calls && stepsDown(d.Base) {
		return ofBase(d.Base)
	}
	return ""
}

// ofBase names what an image starts by itself.
func ofBase(base string) string { return "what " + base + " starts" }

// start are the words of what a service starts, and whether its entrypoint is another one
// than the base image's.
func (d *dockerfileSubject) start(s *subject) (words []string, own bool) {
	var entry, command []string
	for _, c := range d.commands() {
		switch c := c.(type) {
		case *instructions.EntrypointCommand:
			entry, own = c.CmdLine, true
		case *instructions.CmdCommand:
			command = c.CmdLine
		}
	}
	if len(s.cfg.Entrypoint) > 0 {
		entry, command, own = s.cfg.Entrypoint, nil, true
	}
	if len(s.cfg.Command) > 0 {
		command = s.cfg.Command
	}
	words = strings.Fields(strings.Join(slices.Concat(entry, command), " "))
	return words[:min(len(words), maxStart)], own
}

var (
	dropperPattern = regexp.MustCompile(`(?:^|[\s/"';&|(])(gosu|su-exec|setpriv|runuser|s6-setuidgid|setuidgid|chpst|su)(?:["'\s]|$)`)
	sudoPattern    = regexp.MustCompile(`(?:^|[\s/"';&|(])(sudo|doas)\s(?:\s*-\S+)*\s*(?:-u|--user)`)
	commentPattern = regexp.MustCompile(`(?m)^\s*#.*$`)
)

func dropper(text string) string {
	for _, pattern := range []*regexp.Regexp{dropperPattern, sudoPattern} {
		if m := pattern.FindStringSubmatch(text); m != nil {
			return m[1]
		}
	}
	return ""
}

// copies are the instructions that copy files of the build context.
func (d *dockerfileSubject) copies() []*instructions.CopyCommand {
	var all []*instructions.CopyCommand
	for _, c := range d.commands() {
		if copied, ok := c.(*instructions.CopyCommand); ok && copied.From == "" {
			all = append(all, copied)
		}
	}
	return all
}

// source is where COPY finds a path; "" where that is not in a folder of this machine.
func (d *dockerfileSubject) source(s *subject, from string) string {
	context := s.cfg.Build.Context
	if source := filepath.Join(context, filepath.FromSlash(d.expand(from))); !remote(context) && subpath.In(context, source) {
		return source
	}
	return ""
}

// scripts are the scripts of the build that a word of the start can mean, without comments.
func (a *auditor) scripts(s *subject, d *dockerfileSubject, word string) []string {
	name := path.Base(word)
	if name == "." || name == "/" || strings.ContainsAny(name, "*?[$") {
		return nil
	}
	var texts []string
	add := func(text string) {
		if strings.HasPrefix(text, "#!") {
			texts = append(texts, commentPattern.ReplaceAllString(text, ""))
		}
	}
	for _, c := range d.copies() {
		to := d.expand(c.DestPath)
		for _, content := range c.SourceContents {
			if path.Base(content.Path) == name || path.Base(to) == name {
				add(content.Data)
			}
		}
		for _, from := range c.SourcePaths {
			for _, file := range candidates(d.source(s, from), to, word) {
				if text, err := a.readFile(file); err == nil {
					add(string(text))
				}
			}
		}
	}
	return texts
}

// candidates are the files that COPY of a source to a place can put where a word says.
func candidates(source, to, word string) []string {
	name := path.Base(word)
	info, err := os.Stat(source)
	switch {
	case source == "":
		return nil
	case err == nil && info.IsDir():
		files := []string{filepath.Join(source, name)}
		if rest, ok := strings.CutPrefix(path.Clean(word), strings.TrimSuffix(path.Clean(to), "/")+"/"); ok && rest != name {
			files = append(files, filepath.Join(source, filepath.FromSlash(rest)))
		}
		return files
	case filepath.Base(source) == name || path.Base(to) == name:
		return []string{source}
	}
	if match, err := filepath.Match(filepath.Base(source), name); err == nil && match {
		return []string{filepath.Join(filepath.Dir(source), name)}
	}
	return nil
}

// supervised searches the services of an init such as s6-overlay, which are copied as a tree.
func (a *auditor) supervised(s *subject, d *dockerfileSubject) string {
	found, seen := "", 0
	for _, c := range d.copies() {
		for _, from := range c.SourcePaths {
			folder := d.source(s, from)
			if folder == "" {
				continue
			}
			_ = filepath.WalkDir(folder, func(file string, entry fs.DirEntry, err error) error {
				if seen++; err != nil || seen > maxCopied || found != "" {
					return fs.SkipAll
				}
				if entry.Type().IsRegular() && entry.Name() == "run" {
					if text, err := a.readFile(file); err == nil {
						found = dropper(commentPattern.ReplaceAllString(string(text), ""))
					}
				}
				return nil
			})
		}
	}
	return found
}
