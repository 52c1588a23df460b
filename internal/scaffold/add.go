package scaffold

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/im2-audio/im2/internal/compose/composefile"
	"github.com/im2-audio/im2/internal/compose/edit"
)

var (
	errForm = errors.New("no safe place for a new service was found in the file")
	errSame = errors.New("the name is in it already")
)

// defaultIndent is how far a file that shows no other habit is indented.
const defaultIndent = 2

// adder finds the place for one service more in one file.
type adder struct {
	*composefile.File
	s    *Service
	root *yaml.Node // the document's top mapping; nil in an empty file
	key  *yaml.Node // "services"; nil where it is missing
	at   *yaml.Node // its value
}

// add returns a Compose file's text with one more service and the line on which it begins. All other bytes and
// their meaning stay; if that is impossible, it returns an error.
func add(path string, text []byte, s *Service) ([]byte, int, error) {
	f, err := composefile.Parse(path, text)
	if err != nil {
		return nil, 0, err
	}
	a := adder{File: f, s: s}
	a.root, a.key, a.at = services(f)
	edits, err := a.edits()
	if err != nil {
		return nil, 0, err
	}
	for _, e := range edits {
		var plan edit.Plan
		plan.Add(e...)
		after := plan.Apply(text)
		n, err := composefile.Parse(path, after)
		if err != nil {
			continue
		}
		_, _, at := services(n)
		if name, _ := pair(at, s.Name); name != nil && kept(text, after, s.Name) {
			return after, name.Line, nil
		}
	}
	return nil, 0, errForm
}

func hasServices(path string, text []byte) bool {
	f, err := composefile.Parse(path, text)
	if err != nil {
		return true // whatever it is, it is not for us to say
	}
	_, key, at := services(f)
	return key != nil && !empty(at)
}

// services finds the section in the first document that has it, else that document alone.
func services(f *composefile.File) (root, key, at *yaml.Node) {
	for _, doc := range f.Docs {
		if key, at := pair(doc, "services"); key != nil {
			return doc, key, at
		}
	}
	if len(f.Docs) > 0 {
		root = f.Docs[0]
	}
	return root, nil, nil
}

func pair(n *yaml.Node, name string) (key, value *yaml.Node) {
	for i := 0; n != nil && n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i], n.Content[i+1]
		}
	}
	return nil, nil
}

func empty(n *yaml.Node) bool {
	return n == nil || n.Kind == yaml.ScalarNode && n.Tag == "!!null" || n.Kind == yaml.MappingNode && len(n.Content) == 0
}

// edits returns the ways to add the service, the best first.
func (a adder) edits() ([][]edit.Edit, error) {
	switch {
	case a.root == nil || empty(a.root) && a.root.Kind == yaml.ScalarNode:
		return a.append(len(a.Text), 0)
	case a.root.Kind != yaml.MappingNode:
		return nil, errForm
	}
	if name, _ := pair(a.at, a.s.Name); name != nil {
		return nil, errSame
	}
	rootFlow := a.root.Style&yaml.FlowStyle != 0
	switch {
	case a.key == nil && rootFlow, a.key != nil && empty(a.at) && rootFlow:
		return a.intoBraces()
	case a.key == nil:
		last := a.root.Content[len(a.root.Content)-2]
		end := a.end(last.Line, -1)
		return a.append(a.Start(end), a.root.Content[0].Column-1)
	case empty(a.at):
		return a.fill()
	case a.at.Kind != yaml.MappingNode:
		return nil, errForm // an alias, or no mapping at all
	case a.at.Style&yaml.FlowStyle != 0:
		return a.intoBraces()
	}
	return a.block()
}

func (a adder) block() ([][]edit.Edit, error) {
	first, last := a.at.Content[0], a.at.Content[len(a.at.Content)-2]
	indent := first.Column - 1
	step := first.Column - a.key.Column
	if inner := a.at.Content[1]; inner.Kind == yaml.MappingNode && inner.Style&yaml.FlowStyle == 0 && len(inner.Content) > 0 && inner.Content[0].Column > first.Column {
		step = inner.Content[0].Column - first.Column
	}
	stop := a.stop(last.Line, indent)
	ends := slices.Compact([]int{a.end(last.Line, indent), stop})
	var edits [][]edit.Edit
	for _, line := range ends {
		text, err := a.lines(indent, step, line)
		if err != nil {
			return nil, err
		}
		if a.apart() && !a.blank(line-1) {
			text = a.Newline() + text
		}
		edits = append(edits, []edit.Edit{a.insert(a.Start(line), text)})
	}
	return edits, nil
}

func (a adder) fill() ([][]edit.Edit, error) {
	step := defaultIndent
	if len(a.root.Content) > 0 {
		step = a.step()
	}
	text, err := a.lines(a.key.Column-1+step, step, a.key.Line)
	if err != nil {
		return nil, err
	}
	edits := []edit.Edit{a.insert(a.Start(a.key.Line+1), text)}
	if a.at.Kind == yaml.ScalarNode && a.at.Value == "" { // "services:" and no more
		return [][]edit.Edit{edits}, nil
	}
	from := a.Offset(a.at.Line, a.at.Column)
	to := from + len(a.at.Value) // "null" or "~"
	if a.at.Kind == yaml.MappingNode {
		rest := string(a.Text[from:a.Start(a.at.Line+1)])
		n := strings.IndexByte(rest, '}')
		if n < 0 || strings.Trim(rest[:n], "{ ") != "" { // "{}" or "{ }"
			return nil, errForm
		}
		to = from + n + 1
	}
	for from > 0 && a.Text[from-1] == ' ' {
		from--
	}
	edits = append(edits, edit.Edit{Start: from, End: to})
	return [][]edit.Edit{edits}, nil
}

func (a adder) append(at, indent int) ([][]edit.Edit, error) {
	step := a.step()
	line := strings.Count(string(a.Text[:at]), "\n") + 1
	text, err := a.lines(indent+step, step, line)
	if err != nil {
		return nil, err
	}
	text = strings.Repeat(" ", indent) + "services:" + a.Newline() + text
	if line > 1 && !a.blank(line-1) {
		text = a.Newline() + text
	}
	return [][]edit.Edit{{a.insert(at, text)}}, nil
}

// intoBraces adds before the first entry of a mapping in braces: of the services, or of the file if it has none.
func (a adder) intoBraces() ([][]edit.Edit, error) {
	content, err := a.s.section(nil, 0)
	if err != nil {
		return nil, err
	}
	into := a.at
	switch {
	case a.key == nil:
		into, content = a.root, mapping(plain("services"), content)
	case a.at.Kind != yaml.MappingNode: // "services: null"
		return nil, errForm
	}
	json := len(a.root.Content) > 0 && a.root.Content[0].Style&yaml.DoubleQuotedStyle != 0
	text, err := encode(inBraces(content, json), defaultIndent)
	if err != nil {
		return nil, err
	}
	text = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(text), "{"), "}")
	if len(into.Content) == 0 {
		start := a.Offset(into.Line, into.Column) + 1
		return [][]edit.Edit{{{Start: start, End: start, New: text}}}, nil
	}
	first := into.Content[0]
	start := a.Offset(first.Line, first.Column)
	between := " "
	if head := string(a.Text[a.Start(first.Line):start]); strings.TrimSpace(head) == "" {
		between = a.Newline() + head
	}
	return [][]edit.Edit{{{Start: start, End: start, New: text + "," + between}}}, nil
}

// lines are the service, to be inserted before a line.
func (a adder) lines(indent, step, before int) (string, error) {
	n, err := a.s.section(a.root, before)
	if err != nil {
		return "", err
	}
	text, err := encode(n, step)
	if err != nil {
		return "", err
	}
	margin := strings.Repeat(" ", indent)
	return margin + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", a.Newline()+margin) + a.Newline(), nil
}

// insert inserts lines at an offset. A file without a newline at its end keeps that.
func (a adder) insert(at int, text string) edit.Edit {
	if at == len(a.Text) && at > 0 && a.Text[at-1] != '\n' && string(a.Text) != "\ufeff" {
		text = a.Newline() + strings.TrimSuffix(text, a.Newline())
	}
	return edit.Edit{Start: at, End: at, New: text}
}

func (a adder) step() int {
	if a.root == nil {
		return defaultIndent
	}
	for i := 0; i+1 < len(a.root.Content); i += 2 {
		inner := a.root.Content[i+1]
		if inner.Kind == yaml.MappingNode && inner.Style&yaml.FlowStyle == 0 && len(inner.Content) > 0 {
			return inner.Content[0].Column - a.root.Content[i].Column
		}
	}
	return defaultIndent
}

func (a adder) apart() bool {
	if len(a.at.Content) < 2*2 {
		return true
	}
	line := a.at.Content[2].Line - 1
	for strings.HasPrefix(strings.TrimSpace(a.Line(line)), "#") {
		line--
	}
	return a.blank(line)
}

// stop returns the line on which a key's content ends: at a line with less indentation, the document's end, or
// the line behind the last one. indent -1: only the end.
func (a adder) stop(line, indent int) int {
	total := strings.Count(string(a.Text), "\n") + 1
	for line++; line <= total; line++ {
		text := a.Line(line)
		if mark := strings.TrimRight(text, " \t"); mark == "---" || mark == "..." || strings.HasPrefix(text, "--- ") || strings.HasPrefix(text, "... ") {
			break
		}
		trimmed := strings.TrimSpace(text)
		if trimmed != "" && !strings.HasPrefix(trimmed, "#") && len(text)-len(strings.TrimLeft(text, " ")) < indent {
			break
		}
	}
	if line > total && strings.HasSuffix(string(a.Text), "\n") {
		line = total // behind the last line end there is no line
	}
	return line
}

// end is stop without empty lines and comments that are about what follows.
func (a adder) end(line, indent int) int {
	end := a.stop(line, indent)
	for end-1 > line {
		text := a.Line(end - 1)
		trimmed := strings.TrimLeft(text, " ")
		comment := strings.HasPrefix(trimmed, "#") && len(text)-len(trimmed) < indent
		if strings.TrimSpace(text) != "" && !comment {
			break
		}
		end--
	}
	return end
}

func (a adder) blank(n int) bool { return strings.TrimSpace(a.Line(n)) == "" }

// kept reports whether a file means the same as before but for the service that was added.
func kept(before, after []byte, service string) bool {
	was, err := meanings(before, "")
	is, failed := meanings(after, service)
	return err == nil && failed == nil && reflect.DeepEqual(was, is)
}

// meanings are the values of a file's documents, without a service, and without the section of services where that
// is empty then.
func meanings(text []byte, but string) (all []map[string]any, err error) {
	for documents := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var doc map[string]any
		if err := documents.Decode(&doc); err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			if len(all) == 0 {
				all = append(all, nil)
			}
			return all, err
		}
		services, _ := doc["services"].(map[string]any)
		if delete(services, but); len(services) == 0 {
			delete(doc, "services")
		}
		if len(doc) == 0 {
			doc = nil
		}
		all = append(all, doc)
	}
}
