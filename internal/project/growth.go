package project

import (
	"bytes"
	"iter"
	"math"
	"regexp"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/run"
)

var (
	assignment   = regexp.MustCompile(`^(?:export\s+)?[A-Za-z_][\w.-]*\s*[=:]`)
	referredName = regexp.MustCompile(`\$\{?([A-Za-z_]\w*)`)
)

// blanks are what \s matches.
const blanks = "\t\n\f\r "

// growth is how many bytes the values of a settings file come to at most, with the variables in them: each value may have those before it
// several times, so that forty short lines come to more than any memory. sizes has the sizes of the names so far, and gets those of the
// file; of others, lookup is asked. More than math.MaxInt32 is not counted.
func growth(text []byte, sizes map[string]int, lookup func(string) (string, bool)) int {
	starts := assignments(text)
	whole := 0
	for i, start := range starts {
		end := len(text)
		if i+1 < len(starts) {
			end = starts[i+1]
		}
		piece := text[start:end] // a value may go over lines, and may have more assignments behind it
		size := len(piece)
		for _, m := range referredName.FindAllSubmatch(piece, -1) {
			name := string(m[1])
			known, ok := sizes[name]
			if !ok {
				value, _ := lookup(name)
				known = len(value)
			}
			size = min(size+known, math.MaxInt32)
		}
		for name := range assignedNames(piece) {
			sizes[name] = max(sizes[name], size)
		}
		whole = min(whole+size, math.MaxInt32)
	}
	return whole
}

// assignments are the starts of the lines with which assignments begin; blank lines before one belong to it. The expression is
// not matched against values: it takes 60 ns for each byte.
func assignments(text []byte) []int {
	var starts []int
	for at := 0; at < len(text); {
		rest := bytes.TrimLeft(text[at:], blanks)
		ends := assignment.FindIndex(rest)
		next := len(text) - len(rest)
		if ends != nil {
			starts = append(starts, at)
			next += ends[1]
		}
		line := bytes.IndexByte(text[next:], '\n')
		if line < 0 {
			break
		}
		at = next + line + 1
	}
	return starts
}

// assignedNames are the names before each "=" and then each ":", with blanks in between. A regular expression takes 60 ns for
// each byte here, and a large value of many included files seconds.
func assignedNames(piece []byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, sign := range []byte("=:") {
			for i := bytes.IndexByte(piece, sign); i >= 0; {
				before := bytes.TrimRight(piece[:i], blanks)
				name := bytes.TrimLeft(before[len(bytes.TrimRightFunc(before, inName)):], "0123456789-.")
				if len(name) > 0 && !yield(string(name)) {
					return
				}
				next := bytes.IndexByte(piece[i+1:], sign)
				if next < 0 {
					break
				}
				i += 1 + next
			}
		}
	}
}

// inName tells whether r may be in the name of a variable as godotenv takes it.
func inName(r rune) bool {
	return r == '_' || r == '-' || r == '.' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
}

// checkGrowth returns an error for a settings file whose values come to more than any file that is read.
func checkGrowth(path string, text []byte, sizes map[string]int, lookup func(string) (string, bool)) error {
	if growth(text, sizes, lookup) <= run.MostFile {
		return nil
	}
	return exit.Errorf(exit.Unusable, "reading %s: with the variables in them, its values come to more than %d MiB; fix: write out what they repeat", path, run.MostFile>>20)
}
