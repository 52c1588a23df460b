package nonroot

import (
	"bytes"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"mvdan.cc/sh/v3/syntax"

	"github.com/im2-audio/im2/internal/compose/dockerfile"
)

// maxShell is how long a RUN may be to be read as shell code; the parser needs memory for
// each nesting, and no honest RUN comes near.
const maxShell = 32 << 10

// call is one simple command of a RUN.
type call struct {
	words []string
	// ends are the offsets in the file behind each word; nil for a RUN in JSON form.
	ends []int
	// line and column are where it is.
	line, column int
	// covered says that it is the left side of a "||", so that its failure is covered up.
	covered bool
}

// flag returns the value of a flag: "-u 5", "-u5", "--uid 5" or "--uid=5".
func (c call) flag(short, long string) (string, bool) {
	for i, word := range c.words {
		if value, ok := strings.CutPrefix(word, long+"="); ok {
			return value, true
		}
		if (word == short || word == long) && i+1 < len(c.words) {
			return c.words[i+1], true
		}
		if value, ok := strings.CutPrefix(word, short); ok && short != "" && value != "" && !strings.HasPrefix(word, "--") {
			return value, true
		}
	}
	return "", false
}

// has reports whether a switch is given, alone or among other letters ("-mol").
func (c call) has(short, long string) bool {
	for _, word := range c.words[1:] {
		if word == long && long != "" {
			return true
		}
		if short != "" && len(word) > 1 && word[0] == '-' && word[1] != '-' && strings.Contains(word, short) {
			return true
		}
	}
	return false
}

// program is the command's name without its folder.
func (c call) program() string {
	if len(c.words) == 0 {
		return ""
	}
	return c.words[0][strings.LastIndexByte(c.words[0], '/')+1:]
}

// calls returns the simple commands of a RUN, of whatever nesting.
func (d *dockerfileSubject) calls(c *instructions.RunCommand) []call {
	first, last := dockerfile.Line(c.Location()), dockerfile.LastLine(c.Location())
	if first == 0 {
		return nil
	}
	if !c.PrependShell {
		return []call{{words: c.CmdLine, line: first, column: d.src.Indented(first)}}
	}
	if d.file.Escape != '\\' {
		return nil // written for another shell
	}
	from := d.src.Start(first)
	text := shellText(d.src.Text[from:d.src.Start(last+1)], len(c.Files) > 0)
	if len(text) > maxShell {
		return nil
	}
	tree, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(bytes.NewReader(text), "")
	if err != nil {
		return nil
	}
	var found []call
	var ors []*syntax.BinaryCmd // a node is visited before those in it
	syntax.Walk(tree, func(node syntax.Node) bool {
		switch n := node.(type) {
		case *syntax.BinaryCmd:
			if n.Op == syntax.OrStmt {
				ors = append(ors, n)
			}
		case *syntax.CallExpr:
			if len(n.Args) == 0 {
				break
			}
			var c call
			for _, word := range n.Args {
				start, end := int(word.Pos().Offset()), int(word.End().Offset())
				c.words = append(c.words, unquoter.Replace(string(text[start:end])))
				c.ends = append(c.ends, from+end)
			}
			c.line, c.column = d.src.At(from + int(n.Args[0].Pos().Offset()))
			c.covered = slices.ContainsFunc(ors, func(or *syntax.BinaryCmd) bool {
				return !or.X.Pos().After(n.Pos()) && n.Pos().Offset() < or.X.End().Offset()
			})
			found = append(found, c)
		}
		return true
	})
	return found
}

// unquoter drops quotes around a word and within it.
var unquoter = strings.NewReplacer(`"`, "", `'`, "", "\\\n", "")

// shellText blanks everything that is not the shell's: the instruction's name and flags,
// and Dockerfile comments between continued lines. Offsets stay as they are.
func shellText(text []byte, heredoc bool) []byte {
	text = bytes.Clone(text)
	blank := func(from, to int) {
		for i := from; i < to; i++ {
			if text[i] != '\n' {
				text[i] = ' '
			}
		}
	}
	if heredoc { // the body of "RUN <<EOF" is the program
		first, rest, _ := bytes.Cut(text, []byte("\n"))
		fields := bytes.Fields(first)
		if len(fields) > 1 && bytes.HasPrefix(fields[len(fields)-1], []byte("<<")) {
			blank(0, len(first))
			if end := bytes.LastIndexByte(bytes.TrimRight(rest, "\r\n"), '\n'); end >= 0 {
				blank(len(first)+1+end, len(text))
			} else {
				blank(0, len(text))
			}
		}
	}
	blankHead(text, blank)
	for at := 0; at < len(text); {
		end := len(text)
		if i := bytes.IndexByte(text[at:], '\n'); i >= 0 {
			end = at + i
		}
		line := text[at:end]
		if trimmed := bytes.TrimLeft(line, " \t"); !heredoc && at > 0 && len(trimmed) > 0 && trimmed[0] == '#' {
			blank(at, end)
			text[end-1] = '\\'
		} else if bytes.HasSuffix(line, []byte("\\\r")) {
			text[end-2], text[end-1] = ' ', '\\'
		}
		at = end + 1
	}
	return text
}

// blankHead blanks "RUN --mount=... --network=...".
func blankHead(text []byte, blank func(from, to int)) {
	word := func(at int) (from, to int) {
		for at < len(text) && bytes.IndexByte([]byte(" \t\r\n\\"), text[at]) >= 0 {
			at++
		}
		to = at
		for to < len(text) && bytes.IndexByte([]byte(" \t\r\n"), text[to]) < 0 {
			to++
		}
		return at, to
	}
	_, at := word(0)
	if !bytes.EqualFold(bytes.TrimSpace(text[:at]), []byte("run")) {
		return
	}
	for {
		from, to := word(at)
		if !bytes.HasPrefix(text[from:to], []byte("--")) {
			blank(0, at)
			return
		}
		at = to
	}
}
