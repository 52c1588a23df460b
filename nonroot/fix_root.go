package nonroot

import (
	"cmp"
	"path"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/im2-audio/im2/internal/compose/dockerfile"
	"github.com/im2-audio/im2/internal/compose/edit"
	"github.com/im2-audio/im2/nonroot/internal/subpath"
)

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
		data := v.Type == "bind" && r.a.data != "" && subpath.In(r.a.data, v.Source)
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
