package nonroot

import (
	"cmp"
	"path"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/im2-audio/im2/internal/composefile"
	"github.com/im2-audio/im2/internal/dockerfile"
	"github.com/im2-audio/im2/internal/edit"
)

// fixable gives a finding edits of one file that mend it.
func (a *auditor) fixable(f *Finding, path string, edits ...edit.Edit) {
	if f.Rule == "" || len(edits) == 0 {
		return
	}
	f.Fixable, f.Hint = true, ""
	f.fix = append(f.fix, change{path: path, edits: edits})
}

// fixDockerfile is fixable for a Dockerfile, unless it stands inside of a Compose file.
func (d *dockerfileSubject) fix(f *Finding, edits ...edit.Edit) {
	if f.Rule == "" || len(edits) == 0 {
		return
	}
	if d.inline {
		f.Hint = "the Dockerfile stands in the Compose file: mend it there by hand"
		return
	}
	f.Fixable, f.Hint = true, ""
	f.fix = append(f.fix, change{path: d.src.path, edits: edits})
}

// fixWord puts an option behind the program's name.
func fixWord(f *Finding, d *dockerfileSubject, c call, option string) {
	if len(c.ends) > 0 {
		d.fix(f, edit.Edit{Start: c.ends[0], End: c.ends[0], New: option})
	}
}

// fixRoot makes an image end as the app user, as the template does.
func (a *auditor) fixRoot(f *Finding, s *subject, d *dockerfileSubject) {
	if d.inline {
		f.Hint = "the Dockerfile stands in the Compose file: mend it there by hand"
		return
	}
	r := rooted{d: d, s: s, a: a}
	if next := r.continued(); next != "" {
		f.Hint = "the stage " + next + " goes on from here as root: give it a stage of its own to start from, then add USER here"
		return
	}
	d.fix(f, r.edits()...)
}

// rooted is a stage that ends as root and is given a user.
type rooted struct {
	a *auditor
	s *subject
	d *dockerfileSubject
}

func (r rooted) edits() []edit.Edit {
	d := r.d
	first := lastLineOf(d.target().Location) + 1
	end := r.end()
	head := r.head()
	tail := r.tail()
	user, replaced := r.replaceable()
	if len(head) < 3 || !r.startsAsRoot() { // the user can only be created where the stage is root again
		head, tail = nil, append(head, tail...)
	}
	var edits []edit.Edit
	if len(head) > 0 {
		edits = append(edits, d.src.insert(first, d.apart(first, head)...))
	}
	if replaced {
		return append(edits, d.src.replace(user[0], user[1], append(tail, userLine)...))
	}
	return append(edits, d.src.insert(end, d.apart(end, append(tail, "# "+userReason, userLine))...))
}

// apart puts an empty line before and behind lines that come before a line, unless there
// is one already.
func (d *dockerfileSubject) apart(before int, lines []string) []string {
	if strings.TrimSpace(d.src.line(before-1)) != "" {
		lines = append([]string{""}, lines...)
	}
	if before <= len(d.src.lines) && strings.TrimSpace(d.src.line(before)) != "" {
		lines = append(lines, "")
	}
	return lines
}

const (
	blockReason = "The app user. --non-unique: the base may have the ID already; --no-log-init: UIDs can be large."
	userReason  = `Numeric, and never empty: an empty USER would silently mean root.`
)

// head is what creates the user.
func (r rooted) head() []string {
	var lines []string
	for _, name := range []string{userArg, groupArg} {
		if r.d.Env[name] == "" {
			lines = append(lines, "ARG "+name+"="+appID)
		}
	}
	if r.hasUser() || !r.hasShell() {
		return lines
	}
	block := anyBlock
	if name, tag := familiar(r.d.Base); debianLike(name, tag) {
		block = shadowBlock
	}
	lines = append(lines, "# "+blockReason)
	for line := range strings.SplitSeq(block, "\n") {
		if text, ok := strings.CutSuffix(line, `\`); ok {
			line = text + string(r.d.file.Escape)
		}
		lines = append(lines, line)
	}
	return append(lines, "ENV HOME="+appHome)
}

// continued names a stage that is FROM the target and runs commands before a USER of its own:
// they would no longer be root's. "" for none, "FROM NAME" for one without a name.
func (r rooted) continued() string {
	target := r.d.target()
	for _, stage := range r.d.file.Stages {
		if target.Name == "" || !strings.EqualFold(stage.BaseName, target.Name) {
			continue
		}
		for _, c := range stage.Commands {
			if _, user := c.(*instructions.UserCommand); user {
				break
			}
			if _, run := c.(*instructions.RunCommand); run {
				return cmp.Or(stage.Name, "FROM "+stage.BaseName)
			}
		}
	}
	return ""
}

// hasUser says that the built stages create a user with the UID already.
func (r rooted) hasUser() bool {
	for _, c := range r.d.runs {
		if uid, ok := c.flag("-u", "--uid"); ok && strings.Contains(uid, userArg) && c.program() != "usermod" {
			return true
		}
	}
	return false
}

// hasShell says that RUN works in the stage: it does already, or the base is known to.
func (r rooted) hasShell() bool {
	if noShell(r.d.Base) {
		return false
	}
	found := false
	for _, c := range r.d.commands() {
		switch c := c.(type) {
		case *instructions.RunCommand:
			found = found || c.PrependShell
		case *instructions.ShellCommand:
			if !posixShell(c.Shell) {
				return false
			}
		}
	}
	_, known := wellKnown(r.d.Base)
	return found || known
}

// posixShell says that what SHELL names understands what the fix writes.
func posixShell(shell []string) bool {
	switch path.Base(shell[0]) {
	case "sh", "bash", "ash", "dash", "ksh", "zsh", "busybox":
		return true
	}
	return false
}

// tail gives the service's folders their owner.
func (r rooted) tail() []string {
	folders := r.folders()
	if len(folders) == 0 || !r.hasShell() {
		return nil
	}
	return []string{
		"# The service's own folders.",
		`RUN install -d -m 0755 -o "${USER_ID}" -g "${GROUP_ID}" ` + strings.Join(folders, " "),
	}
}

// folders are where the service's data is mounted, and what the image calls volumes,
// unless a RUN mentions them already.
func (r rooted) folders() []string {
	var all []string
	for _, v := range r.s.cfg.Volumes {
		data := v.Type == "bind" && r.a.in.Project.Data != "" && inside(r.a.in.Project.Data, v.Source)
		if (data || v.Type == "volume") && !v.ReadOnly {
			all = append(all, v.Target)
		}
	}
	for _, c := range r.d.commands() {
		if v, ok := c.(*instructions.VolumeCommand); ok {
			for _, path := range v.Volumes {
				all = append(all, r.d.expand(path))
			}
		}
	}
	var folders []string
	for _, path := range all {
		plain := strings.HasPrefix(path, "/") && strings.Trim(path, "/") != "" && !strings.ContainsAny(path, " \t\r\n\"'$`\\;&|<>(){}*?[]#")
		if plain && !r.mentioned(path) && !contains(folders, path) {
			folders = append(folders, path)
		}
	}
	return folders
}

func contains(list []string, word string) bool {
	for _, w := range list {
		if w == word {
			return true
		}
	}
	return false
}

func (r rooted) mentioned(path string) bool {
	for _, c := range r.d.runs {
		if p := c.program(); (p == "install" || p == "chown") && contains(c.words, path) {
			return true
		}
	}
	return false
}

// startsAsRoot says that the target stage is known to begin as root.
func (r rooted) startsAsRoot() bool {
	for _, i := range r.d.Chain[:len(r.d.Chain)-1] {
		for _, c := range r.d.file.Stages[i].Commands {
			if _, ok := c.(*instructions.UserCommand); ok {
				return false
			}
		}
	}
	return r.d.baseRoot
}

// replaceable returns the lines of the stage's only USER where everything behind it needs
// no root.
func (r rooted) replaceable() ([2]int, bool) {
	users := 0
	for _, c := range r.d.commands() {
		if _, ok := c.(*instructions.UserCommand); ok {
			users++
		}
	}
	commands := r.d.target().Commands
	for i := len(commands) - 1; i >= 0 && users == 1; i-- {
		if user, ok := commands[i].(*instructions.UserCommand); ok {
			at := user.Location()
			return [2]int{dockerfile.Line(at), lastLineOf(at)}, true
		}
		if !metadata(commands[i]) {
			break
		}
	}
	return [2]int{}, false
}

// metadata says that an instruction only describes the image, whoever the user is.
func metadata(c instructions.Command) bool {
	switch c.(type) {
	case *instructions.CmdCommand, *instructions.EntrypointCommand, *instructions.HealthCheckCommand, *instructions.ExposeCommand,
		*instructions.LabelCommand, *instructions.StopSignalCommand, *instructions.VolumeCommand, *instructions.OnbuildCommand:
		return true
	}
	return false
}

// end is the line before which USER goes: that of the descriptions at the stage's end,
// with the comments right above them.
func (r rooted) end() int {
	stage := r.d.target()
	end := lastLineOf(stage.Location) + 1
	commands := stage.Commands
	i := len(commands)
	for i > 0 && metadata(commands[i-1]) {
		i--
	}
	if i == len(commands) {
		if i > 0 {
			end = lastLineOf(commands[i-1].Location()) + 1
		}
		return end
	}
	end = dockerfile.Line(commands[i].Location())
	for end > 1 && strings.HasPrefix(strings.TrimSpace(r.d.src.line(end-1)), "#") {
		end--
	}
	return end
}

// fixEmpty keeps the variables of USER from being empty.
func (a *auditor) fixEmpty(f *Finding, s *subject, d *dockerfileSubject) {
	if d.triggered() {
		return
	}
	line := dockerfile.Line(d.UserFrom.Location())
	from, to := d.src.start(line), d.src.start(lastLineOf(d.UserFrom.Location())+1)
	var edits []edit.Edit
	for _, v := range a.emptyInUser(d) {
		at := strings.Index(string(d.src.text[from:to]), v.text)
		if at < 0 {
			return
		}
		end := from + at + len(v.text)
		edits = append(edits, edit.Edit{Start: from + at, End: end, New: "${" + v.name + ":?" + v.name + " is empty}"})
		from = end // the next one stands behind it, perhaps in the same words
		if given, ok := s.cfg.Build.Args[v.name]; d.holdsID(v.name) && d.Env[v.name] == "" && (!ok || given == nil || *given == "") {
			edits = append(edits, d.withDefault(v.name, line))
		}
	}
	d.fix(f, edits...)
}

// isID says that a variable holds an ID by its name, so that a number can be its default.
func isID(name string) bool {
	name = strings.ToUpper(name)
	return strings.HasSuffix(name, "ID") || strings.Contains(name, "UID") || strings.Contains(name, "GID")
}

// holdsID says the same, or that nothing but USER wants the variable: useradd takes no number
// for a name.
func (d *dockerfileSubject) holdsID(name string) bool {
	if isID(name) {
		return true
	}
	for _, c := range d.runs {
		for _, v := range variables(strings.Join(c.words, " ")) {
			if v.name == name {
				return false
			}
		}
	}
	return true
}

// triggered says that USER stands in an ONBUILD, which is about other images, too.
func (d *dockerfileSubject) triggered() bool {
	word, _, _ := strings.Cut(strings.TrimSpace(d.src.line(dockerfile.Line(d.UserFrom.Location()))), " ")
	return strings.EqualFold(word, "ONBUILD")
}

// withDefault gives an argument a default: its ARG where it has one, otherwise a new one
// at the stage's beginning, or before a line that comes earlier.
func (d *dockerfileSubject) withDefault(name string, before int) edit.Edit {
	for _, c := range d.commands() {
		arg, ok := c.(*instructions.ArgCommand)
		if !ok || len(arg.Args) != 1 || arg.Args[0].Key != name || arg.Args[0].Value != nil {
			continue
		}
		line := dockerfile.Line(arg.Location())
		if text := d.src.line(line); strings.HasSuffix(text, name) {
			end := d.src.start(line) + len(text)
			if line == 1 {
				end = strings.Index(string(d.src.text), text) + len(text)
			}
			return edit.Edit{Start: end, End: end, New: "=" + appID}
		}
	}
	if first := lastLineOf(d.target().Location) + 1; first < before {
		before = first // what comes before USER may want it, too
	}
	return d.src.insert(before, "ARG "+name+"="+appID)
}

// fixGroup adds a group to USER, unless the base image may know the user, or count on group 0.
func (a *auditor) fixGroup(f *Finding, d *dockerfileSubject) {
	if d.triggered() || !d.baseRoot && !a.own() {
		return
	}
	user := d.UserFrom.User
	group := strings.TrimSuffix(user, ":")
	if strings.Contains(user, userArg) && d.Env[groupArg] != "" {
		group = "${GROUP_ID:?GROUP_ID is empty}"
	}
	line := dockerfile.Line(d.UserFrom.Location())
	from := d.src.start(line)
	at := strings.Index(string(d.src.text[from:d.src.start(line+1)]), user)
	if at < 0 || strings.ContainsAny(user, "\"' ") {
		return
	}
	end := from + at + len(user)
	d.fix(f, edit.Edit{Start: end, End: end, New: ":" + group})
	if strings.HasSuffix(user, ":") && f.Fixable {
		f.fix[0].edits[0].New = group
	}
}

// fixNumeric writes the template's USER where both arguments are there for it.
func (a *auditor) fixNumeric(f *Finding, d *dockerfileSubject) {
	if d.UserFrom == nil || d.triggered() || d.Env[userArg] == "" || d.Env[groupArg] == "" || d.UserFrom.User == strings.TrimPrefix(userLine, "USER ") {
		f.Hint = "take the arguments USER_ID and GROUP_ID and end with " + userLine
		return
	}
	at := d.UserFrom.Location()
	d.fix(f, d.src.replace(dockerfile.Line(at), lastLineOf(at), userLine))
}

// fixHome sets HOME to what the user was created with.
func (a *auditor) fixHome(f *Finding, d *dockerfileSubject) {
	for _, c := range d.runs {
		if c.program() != "useradd" && c.program() != "adduser" {
			continue
		}
		home, ok := c.flag("-d", "--home-dir")
		if !ok {
			if home, ok = c.flag("-h", "--home"); !ok || c.program() == "useradd" {
				home = "/home/" + c.words[len(c.words)-1]
			}
		}
		if strings.HasPrefix(home, "/") && !strings.ContainsAny(home, " $\"'") {
			d.fix(f, d.src.insert(dockerfile.Line(d.UserFrom.Location()), "ENV HOME="+home))
			return
		}
	}
}

// tokenOf is where a scalar's text stands, quotes included; ok is false for one that is
// not on one line.
func tokenOf(p composefile.Place) (from, to int, ok bool) {
	from = p.File.Offset(p.Value.Line, p.Value.Column)
	text := string(p.File.Text[from:])
	text, _, _ = strings.Cut(text, "\n")
	for strings.HasPrefix(text, "&") || strings.HasPrefix(text, "!") { // an anchor or tag before it
		word, rest, found := strings.Cut(text, " ")
		if !found {
			return 0, 0, false
		}
		skipped := len(word) + 1 + len(rest) - len(strings.TrimLeft(rest, " "))
		from, text = from+skipped, strings.TrimLeft(rest, " ")
	}
	switch {
	case strings.HasPrefix(text, `"`), strings.HasPrefix(text, `'`):
		end := strings.IndexByte(text[1:], text[0])
		if end < 0 || text[1:1+end] != p.Value.Value {
			return 0, 0, false // escapes: better left to a person
		}
		return from, from + end + 2, true
	case p.Value.Value != "" && strings.HasPrefix(text, p.Value.Value):
		return from, from + len(p.Value.Value), true
	}
	return 0, 0, false
}
