package nonroot

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/im2-audio/im2/nonroot/internal/subpath"
)

// binFolders are where the engine finds a program that is named without a folder.
var binFolders = []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}

// copyOf is a COPY or ADD with its folder.
type copyOf struct {
	instructions.SourcesAndDest
	from string // the stage or image; "" for the build context
	to   string // absolute
	into bool   // to is a folder, for sure
}

// copies are those of commands, in their order, and the working folder behind them.
func (d *dockerfileSubject) copies(commands []instructions.Command) (all []copyOf, folder string) {
	all, folder = []copyOf{}, "/"
	for _, c := range commands {
		var made copyOf
		switch c := c.(type) {
		case *instructions.WorkdirCommand:
			folder = joined(folder, d.expand(c.Path))
			continue
		case *instructions.CopyCommand:
			made.SourcesAndDest, made.from = c.SourcesAndDest, d.expand(c.From)
		case *instructions.AddCommand:
			made.SourcesAndDest = c.SourcesAndDest
		default:
			continue
		}
		to := d.expand(made.DestPath)
		made.into = strings.HasSuffix(to, "/") || to == "." || len(made.SourcePaths)+len(made.SourceContents) > 1
		made.to = joined(folder, to)
		all = append(all, made)
	}
	return all, folder
}

func joined(folder, name string) string {
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	return path.Join(folder, name)
}

// file returns a text file that is copied into an image: by its path, or else by its name alone, since a RUN may move it.
func (a *auditor) file(d *dockerfileSubject, name string) (string, bool) {
	base := path.Base(name)
	if d == nil || base == "." || base == "/" || strings.ContainsAny(base, "*?[$") {
		return "", false
	}
	for e := d; e != nil; e = e.maker {
		if e.copied == nil {
			e.copied, e.folder = e.copies(e.commands())
		}
		all, folder := e.copied, e.folder
		paths := []string{joined(folder, name)}
		if !strings.Contains(name, "/") {
			paths = nil
			for _, bin := range append(strings.Split(d.Env["PATH"], ":"), binFolders...) {
				if path.IsAbs(bin) {
					paths = append(paths, path.Join(bin, name))
				}
			}
		}
		for _, at := range paths {
			if text, ok := a.copiedTo(e, all, at, 0); ok {
				return text, true
			}
		}
		if text, ok := a.copiedFile(e, e.commands(), name, 0); ok {
			return text, true
		}
		if !e.maker.usable() {
			break
		}
	}
	return "", false
}

// copiedTo returns the text of the file that copies put to a path; the last one counts.
func (a *auditor) copiedTo(d *dockerfileSubject, all []copyOf, at string, depth int) (string, bool) {
	for _, c := range slices.Backward(all) {
		if a.lookups++; a.lookups > maxLookups {
			return "", false
		}
		below, inside := strings.CutPrefix(at, strings.TrimSuffix(c.to, "/")+"/")
		if !inside {
			if below = ""; at != c.to {
				continue
			}
		}
		for _, content := range c.SourceContents {
			if at == c.to && !c.into || below == path.Base(content.Path) {
				return d.content(content), true
			}
		}
		for _, source := range c.SourcePaths {
			source = d.expand(source)
			if c.from != "" {
				if text, ok := a.copiedFrom(d, c, source, below, depth); ok {
					return text, true
				}
				continue
			}
			for _, file := range sourcesOf(d.source(source), below, c) {
				if text, err := a.readFile(file); err == nil {
					return string(text), true
				}
			}
		}
	}
	return "", false
}

// copiedFrom is copiedTo for a copy of another stage.
func (a *auditor) copiedFrom(d *dockerfileSubject, c copyOf, source, below string, depth int) (string, bool) {
	stage, ok := d.file.Target(c.from)
	if !ok || depth >= maxStages {
		return "", false
	}
	all, _ := d.copies(d.chainOf(stage))
	source = joined("/", source)
	for _, at := range []string{path.Join(source, below), source} { // a folder, or a file
		if at != source || below == "" && !c.into || below == path.Base(source) {
			if text, ok := a.copiedTo(d, all, at, depth+1); ok {
				return text, true
			}
		}
	}
	return "", false
}

// chainOf are the commands of a stage and of those that it goes on from.
func (d *dockerfileSubject) chainOf(stage int) []instructions.Command {
	var all []instructions.Command
	for range maxStages {
		all = append(slices.Clone(d.file.Stages[stage].Commands), all...)
		name := d.expand(d.file.Stages[stage].BaseName)
		before, ok := d.file.Target(name)
		if !ok || before >= stage || number(name) != "" { // FROM takes no numbers
			break
		}
		stage = before
	}
	return all
}

// content is the text of a here-document as it is written.
func (d *dockerfileSubject) content(c instructions.SourceContent) string {
	if !c.Expand {
		return c.Data
	}
	return variablePattern.ReplaceAllStringFunc(c.Data, func(text string) string {
		switch {
		case text == "$$":
			return text
		case strings.HasPrefix(text, `\`):
			return text[1:]
		}
		return d.expand(text)
	})
}

// sourcesOf are the files of this machine that a copy puts to a path; below is what is behind its folder, "" for the folder itself.
func sourcesOf(source, below string, c copyOf) []string {
	if source == "" {
		return nil
	}
	info, err := os.Stat(source)
	switch {
	case err == nil && info.IsDir():
		return []string{filepath.Join(source, filepath.FromSlash(below))}
	case err == nil && (below == "" && !c.into || below == filepath.Base(source)):
		return []string{source}
	case err != nil && below != "":
		if match, err := filepath.Match(filepath.Base(source), path.Base(below)); err == nil && match {
			return []string{filepath.Join(filepath.Dir(source), filepath.FromSlash(below))}
		}
	}
	return nil
}

// copiedFile returns the last file of a name that is copied, wherever.
func (a *auditor) copiedFile(d *dockerfileSubject, commands []instructions.Command, name string, depth int) (string, bool) {
	base := path.Base(name)
	for _, c := range slices.Backward(commands) { // the last one counts
		var copied instructions.SourcesAndDest
		from := ""
		switch c := c.(type) {
		case *instructions.CopyCommand:
			copied, from = c.SourcesAndDest, c.From
		case *instructions.AddCommand:
			copied = c.SourcesAndDest
		default:
			continue
		}
		if a.lookups++; a.lookups > maxLookups {
			return "", false
		}
		to := d.expand(copied.DestPath)
		for _, content := range copied.SourceContents {
			if path.Base(content.Path) == base || path.Base(to) == base {
				return d.content(content), true
			}
		}
		for _, source := range copied.SourcePaths {
			source = d.expand(source)
			if from == "" {
				for _, file := range candidates(d.source(source), to, name) {
					if text, err := a.readFile(file); err == nil {
						return string(text), true
					}
				}
				continue
			}
			stage, ok := d.file.Target(d.expand(from))
			if (path.Base(source) == base || path.Base(to) == base) && ok && depth < maxStages {
				if text, ok := a.copiedFile(d, d.chainOf(stage), source, depth+1); ok {
					return text, true
				}
			}
		}
	}
	return "", false
}

// source is where COPY finds a path; "" where that is not in a folder of this machine.
func (d *dockerfileSubject) source(from string) string {
	source := filepath.Join(d.context, filepath.FromSlash(from))
	if d.context == "" || remote(d.context) || !subpath.In(d.context, source) {
		return ""
	}
	return source
}

// candidates are the files that COPY of a source to a place can put where a word says.
func candidates(source, to, word string) []string {
	if source == "" {
		return nil
	}
	name := path.Base(word)
	info, err := os.Stat(source)
	switch {
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
