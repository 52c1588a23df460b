package nonroot

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v3"

	"github.com/im2-audio/im2/internal/compose/composefile"
	"github.com/im2-audio/im2/internal/compose/edit"
)

// ids are the IDs' variables as a Compose file refers to them.
func (a *auditor) ids() (uid, gid string) {
	uid, gid = "APP_USER_ID", "APP_GROUP_ID"
	if c := a.options.Conventions; c != nil {
		uid, gid = c.UID.Name, c.GID.Name
	}
	return "${" + uid + ":-" + appID + "}", "${" + gid + ":-" + appID + "}"
}

// fixUser writes the app user for a service that is built here. What an image from
// elsewhere can run as, only a person knows.
func (a *auditor) fixUser(f *Finding, s *subject, at composefile.Place) {
	if at.Key == nil {
		return
	}
	if a.dropUser(f, s, at) || s.cfg.Build == nil {
		return
	}
	if from, to, ok := tokenOf(at); ok {
		uid, gid := a.ids()
		f.fixBy(at.File.Path, edit.Edit{Start: from, End: to, New: `"` + uid + ":" + gid + `"`})
	}
}

// dropUser removes a "user:" that is root where the image's own user is another one, and reports whether that is so.
func (a *auditor) dropUser(f *Finding, s *subject, at composefile.Place) bool {
	id, _ := a.whoIs(s, s.image.User)
	line := at.Key.Line
	for _, other := range a.subjects { // all that take this line, by an anchor
		if p, ok := a.find(other, "user"); !ok || p.File.Path != at.File.Path || p.Key == nil || p.Key.Line != line {
			continue
		}
		if id, unsure := a.whoIs(other, other.image.User); !other.known || a.mustBeAppUser(other) || id.root() || unsure != "" {
			return false
		}
	}
	text := strings.TrimSpace(at.File.Line(line))
	if at.Value.Line == line && strings.HasPrefix(text, at.Key.Value+":") && !strings.HasSuffix(text, "}") && !strings.HasSuffix(text, ",") {
		f.fixBy(at.File.Path, edit.Edit{Start: at.File.Start(line), End: at.File.Start(line + 1)})
	} else if from, to, ok := tokenOf(at); ok && id.uid != "" && id.gid != "" {
		f.fixBy(at.File.Path, edit.Edit{Start: from, End: to, New: `"` + id.String() + `"`})
	}
	return true
}

// fixVariables gives variables of a value a default.
func fixVariables(f *Finding, at composefile.Place, empty []variable) {
	if at.Value == nil {
		return
	}
	from, to, ok := tokenOf(at)
	if !ok {
		return
	}
	var edits []edit.Edit
	for _, v := range empty {
		i := strings.Index(string(at.File.Text[from:to]), v.text)
		if i < 0 {
			continue
		}
		edits = append(edits, edit.Edit{Start: from + i, End: from + i + len(v.text), New: "${" + v.name + ":-" + appID + "}"})
		from += i + len(v.text)
	}
	f.fixBy(at.File.Path, edits...)
}

// fixArgs passes the IDs to a build.
func (a *auditor) fixArgs(f *Finding, s *subject, missing []string) {
	build, ok := a.find(s, "build")
	if !ok {
		return
	}
	uid, gid := a.ids()
	values := map[string]string{userArg: uid, groupArg: gid}
	var flow, block []string // the arguments in braces, and as lines
	for _, name := range missing {
		flow, block = append(flow, fmt.Sprintf("%s: %q", name, values[name])), append(block, name+": "+values[name])
	}
	args, given := a.find(s, "build", "args")
	switch {
	case build.Value.Kind == yaml.ScalarNode:
		expandBuild(f, build, flow, block)
	case !given:
		insert(f, build, "args: { "+strings.Join(flow, ", ")+" }", "args:\n  "+strings.Join(block, "\n  "))
	case args.Value.Kind == yaml.SequenceNode:
		for i, name := range missing {
			flow[i], block[i] = fmt.Sprintf("%q", name+"="+values[name]), "- "+name+"="+values[name]
		}
		fallthrough
	default:
		insert(f, args, strings.Join(flow, ", "), strings.Join(block, "\n"))
	}
}

// expandBuild writes "build: FOLDER" in its long form.
func expandBuild(f *Finding, build composefile.Place, flow, block []string) {
	from, to, ok := tokenOf(build)
	if !ok || build.Key == nil {
		return
	}
	context, nl := string(build.File.Text[from:to]), build.File.Newline()
	if build.Parent.Style&yaml.FlowStyle != 0 {
		f.fixBy(build.File.Path, edit.Edit{Start: from, End: to, New: fmt.Sprintf("{ context: %s, args: { %s } }", context, strings.Join(flow, ", "))})
		return
	}
	indent := nl + strings.Repeat(" ", build.Key.Column-1)
	text := indent + "  context: " + context + indent + "  args:" + indent + "    " + strings.Join(block, indent+"    ")
	for from > 0 && build.File.Text[from-1] == ' ' { // back to the colon
		from--
	}
	f.fixBy(build.File.Path, edit.Edit{Start: from, End: to, New: text})
}

// fixService adds an item to a list of a service, or the list. Only where the service is
// known not to be root: what starts as root may need what would be taken away.
func (a *auditor) fixService(f *Finding, s *subject, key, item string) {
	if !a.nonroot(s) || s.at.Value == nil {
		f.Hint = "once it does not start as root, add " + key + ": [" + item + "]"
		return
	}
	if a.verdict(s).Outcome != NonRoot { // what makes it root would fail
		f.Hint = "once what it starts does not become root, add " + key + ": [" + item + "]"
		return
	}
	if list, ok := a.find(s, key); ok {
		insert(f, list, item, "- "+item)
		return
	}
	insert(f, s.at, key+": ["+item+"]", key+": ["+item+"]")
}

// insert adds an entry to a mapping or list: flow is its text where that is written in
// braces, block its lines otherwise. Where no safe place is found there is no fix.
func insert(f *Finding, at composefile.Place, flow, block string) {
	n := at.Value
	if n.Kind != yaml.MappingNode && n.Kind != yaml.SequenceNode {
		return // "key:" without a value: where its first entry goes is a person's choice
	}
	start := at.File.Offset(n.Line, n.Column) + 1
	switch {
	case len(n.Content) == 0:
		before := string(at.File.Text[:min(start, len(at.File.Text))])
		if !strings.HasSuffix(before, "{") && !strings.HasSuffix(before, "[") {
			return
		}
	case n.Style&yaml.FlowStyle != 0:
		start, flow = at.File.Offset(n.Content[0].Line, n.Content[0].Column), flow+", "
	default:
		column := n.Content[0].Column
		if n.Kind == yaml.SequenceNode { // the item's node begins behind its dash, the list's at its anchor
			column = strings.IndexByte(at.File.Line(n.Content[0].Line), '-') + 1
		}
		if line, ok := entryLine(at.File, n, column); ok {
			indent := strings.Repeat(" ", column-1)
			lines := strings.Split(indent+strings.ReplaceAll(block, "\n", "\n"+indent), "\n")
			f.fixBy(at.File.Path, at.File.Insert(line, lines...))
		}
		return
	}
	f.fixBy(at.File.Path, edit.Edit{Start: start, End: start, New: flow})
}

// entryLine is the line before which a new entry of a block can be: behind the first
// entry where that is one line, otherwise before it.
func entryLine(f *composefile.File, n *yaml.Node, column int) (int, bool) {
	first, second := n.Content[0], (*yaml.Node)(nil)
	if n.Kind == yaml.MappingNode {
		if len(n.Content) > 2 {
			second = n.Content[2]
		}
		if second != nil && second.Line == first.Line+1 || second == nil && oneLine(n.Content[1], first.Line) {
			return first.Line + 1, true
		}
	}
	head := f.Text[f.Start(first.Line):f.Offset(first.Line, column)]
	return first.Line, strings.TrimSpace(string(head)) == ""
}

// oneLine says that a value ends on the line it begins on.
func oneLine(n *yaml.Node, line int) bool {
	return n.Line == line && (n.Kind == yaml.AliasNode || n.Kind == yaml.ScalarNode && n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0 && !strings.Contains(n.Value, " "))
}

// fixMount keeps the engine from creating a bind mount's source.
func fixMount(f *Finding, item composefile.Place, v types.ServiceVolumeConfig) {
	if item.Value.Kind == yaml.MappingNode {
		if value, ok := item.Below("bind", "create_host_path"); ok {
			if from, to, ok := tokenOf(value); ok {
				f.fixBy(value.File.Path, edit.Edit{Start: from, End: to, New: "false"})
			}
			return
		}
		if bind, ok := item.Below("bind"); ok {
			insert(f, bind, "create_host_path: false", "create_host_path: false")
			return
		}
		insert(f, item, "bind: { create_host_path: false }", "bind: { create_host_path: false }")
		return
	}
	from, to, ok := tokenOf(item)
	parts := strings.Split(item.Value.Value, ":")
	if !ok || len(parts) > 3 || len(parts) == 3 && parts[2] != "ro" && parts[2] != "rw" || strings.ContainsAny(item.Value.Value, "${}") {
		f.Hint = "write the mount in its long form, with bind: { create_host_path: false }" // SELinux labels, variables
		return
	}
	text := fmt.Sprintf("{ type: bind, source: %s, target: %s, ", quoted(parts[0]), quoted(parts[1]))
	if v.ReadOnly {
		text += "read_only: true, "
	}
	f.fixBy(item.File.Path, edit.Edit{Start: from, End: to, New: text + "bind: { create_host_path: false } }"})
}

var plainPath = regexp.MustCompile(`^[\w./][\w./-]*$`)

// quoted is a path as YAML takes it inside of braces.
func quoted(path string) string {
	if plainPath.MatchString(path) {
		return path
	}
	return strconv.Quote(path)
}
