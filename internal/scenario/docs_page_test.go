package scenario_test

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
)

// docPage is a page in Markdown, taken apart.
type docPage struct {
	// Path is where it was read.
	Path string
	// Blocks are its fenced blocks.
	Blocks []docBlock
	// Spans are its pieces of code within lines.
	Spans []docPiece
	// Links are the addresses that it refers to.
	Links []docPiece
	// Anchors are what a link can lead to in it, as the large forges name headings.
	Anchors []string
}

// docPiece is text with its line, from 1.
type docPiece struct {
	Line int
	Text string
}

// docBlock is a fenced block.
type docBlock struct {
	// Language is what follows the fence.
	Language string
	// Lines are what is in it.
	Lines []docPiece
}

// docCommand is a command line in a block, with what the page says it prints.
type docCommand struct {
	docPiece
	Output []docPiece
}

// Refused reports whether the page shows the command as one that ends with an error at once.
func (c docCommand) Refused() bool {
	return len(c.Output) > 0 && strings.HasPrefix(c.Output[0].Text, "Error: ")
}

// readPage reads a page.
func readPage(path string) (docPage, error) {
	source, err := os.ReadFile(path) //nolint:gosec // a page that the caller names
	if err != nil {
		return docPage{}, fmt.Errorf("reading a page: %w", err)
	}
	t := parsePage(source)
	t.Path = path
	return t, nil
}

// parsePage takes a page apart.
func parsePage(source []byte) docPage {
	var page docPage
	r := reader{source: source, page: &page}
	root := goldmark.New(goldmark.WithExtensions(extension.Table)).Parser().Parse(text.NewReader(source))
	_ = ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) { // r.node returns no error
		if entering {
			r.node(n)
		}
		return ast.WalkContinue, nil
	})
	return page
}

// reader fills a page.
type reader struct {
	source []byte
	page   *docPage
	at     int // where the last text was: what is in a line has no position
}

func (r *reader) node(n ast.Node) {
	if n.Type() == ast.TypeBlock && n.Lines().Len() > 0 {
		r.at = n.Lines().At(0).Start
	}
	switch n := n.(type) {
	case *ast.FencedCodeBlock:
		r.block(n)
	case *ast.Heading:
		r.anchor(r.textOf(n))
	case *ast.Text:
		r.at = n.Segment.Start
	case *ast.CodeSpan:
		r.page.Spans = append(r.page.Spans, docPiece{r.lineOf(n), strings.ReplaceAll(r.textOf(n), "\n", " ")})
	case *ast.Link:
		r.page.Links = append(r.page.Links, docPiece{r.lineOf(n), string(n.Destination)})
	case *ast.Image:
		r.page.Links = append(r.page.Links, docPiece{r.lineOf(n), string(n.Destination)})
	}
}

// lineOf is where the text in a node begins, or else where the last one did.
func (r *reader) lineOf(n ast.Node) int {
	for child := n.FirstChild(); child != nil; child = child.FirstChild() {
		if t, ok := child.(*ast.Text); ok {
			r.at = t.Segment.Start
		}
	}
	return r.line(r.at)
}

func (r *reader) line(at int) int { return 1 + bytes.Count(r.source[:at], []byte("\n")) }

func (r *reader) block(n *ast.FencedCodeBlock) {
	b := docBlock{Language: string(n.Language(r.source))}
	for i := range n.Lines().Len() {
		segment := n.Lines().At(i)
		b.Lines = append(b.Lines, docPiece{r.line(segment.Start), strings.TrimRight(string(segment.Value(r.source)), "\n")})
	}
	r.page.Blocks = append(r.page.Blocks, b)
}

// textOf is what a reader sees of a node.
func (r *reader) textOf(n ast.Node) string {
	var out strings.Builder
	for child := n.FirstChild(); child != nil; child = child.NextSibling() {
		if t, ok := child.(*ast.Text); ok {
			out.Write(t.Segment.Value(r.source))
			if t.SoftLineBreak() {
				out.WriteByte('\n')
			}
			continue
		}
		out.WriteString(r.textOf(child))
	}
	return out.String()
}

// anchor adds the name of a heading: small letters, digits, hyphens and underscores; of
// headings with the same name the second one gets "-1".
func (r *reader) anchor(heading string) {
	name := strings.Map(func(c rune) rune {
		switch {
		case unicode.IsLetter(c) || unicode.IsDigit(c) || c == '-' || c == '_':
			return unicode.ToLower(c)
		case c == ' ':
			return '-'
		}
		return -1
	}, heading)
	free := name
	for i := 1; slices.Contains(r.page.Anchors, free); i++ {
		free = fmt.Sprintf("%s-%d", name, i)
	}
	r.page.Anchors = append(r.page.Anchors, free)
}

// Commands returns the command lines of the page's shell blocks. In a block with prompts
// ("$ ") those are the commands and the rest is what they print; in one without, every line
// is a command, and "#" begins a remark.
func (t docPage) Commands() []docCommand {
	var all []docCommand
	for _, b := range t.Blocks {
		if b.shell() {
			all = append(all, b.commands()...)
		}
	}
	return all
}

// shell reports whether the block is for a shell. One that does not say what it is counts
// where it looks like it, so that leaving the language out hides nothing.
func (b docBlock) shell() bool {
	switch b.Language {
	case "sh", "shell", "bash", "console":
		return true
	case "":
		return slices.ContainsFunc(b.Lines, func(l docPiece) bool {
			return strings.HasPrefix(l.Text, "$ ") || strings.HasPrefix(l.Text, "mage ") || strings.HasPrefix(l.Text, "go run ")
		})
	}
	return false
}

func (b docBlock) commands() []docCommand {
	prompts := slices.ContainsFunc(b.Lines, func(l docPiece) bool { return strings.HasPrefix(l.Text, "$ ") })
	var all []docCommand
	joined := false // the line before ended with a backslash
	for _, line := range b.Lines {
		command, isCommand := line.Text, !prompts
		if prompts {
			command, isCommand = strings.CutPrefix(line.Text, "$ ")
		}
		last := len(all) - 1
		switch {
		case joined:
			all[last].Text += " " + strings.TrimSpace(strings.TrimSuffix(line.Text, "\\"))
		case isCommand && command != "" && !strings.HasPrefix(command, "#"):
			all = append(all, docCommand{docPiece: docPiece{line.Line, strings.TrimSuffix(command, "\\")}})
		case !isCommand && last >= 0 && line.Text != "":
			all[last].Output = append(all[last].Output, line)
		}
		joined = strings.HasSuffix(line.Text, "\\")
	}
	return all
}
