package nonroot

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/im2-audio/im2/internal/compose/dockerfile"
	"github.com/im2-audio/im2/internal/compose/edit"
	"github.com/im2-audio/im2/nonroot/internal/subpath"
)

// The pieces of modules/Dockerfile.template that a fix puts into a Dockerfile; a test
// holds the two together.
const (
	userArg  = "USER_ID"
	groupArg = "GROUP_ID"
	appHome  = "/home/appuser"
	appID    = "1000"
	userLine = "USER ${USER_ID:?USER_ID is empty}:${GROUP_ID:?GROUP_ID is empty}"
	idCheck  = `RUN set -eu; \
    for id in "${USER_ID}" "${GROUP_ID}"; do \
        case "${id}" in ''|*[!0-9]*|0*) echo "USER_ID and GROUP_ID must be whole numbers above 0, got '${id}'" >&2; exit 1;; esac; \
    done; \
`
	// shadowBlock is for bases that have useradd.
	shadowBlock = idCheck + `    groupadd --non-unique --gid "${GROUP_ID}" appgroup; \
    useradd --non-unique --no-log-init --uid "${USER_ID}" --gid "${GROUP_ID}" \
        --create-home --home-dir /home/appuser --shell /usr/sbin/nologin appuser; \
    test "$(id -u appuser):$(id -g appuser)" = "${USER_ID}:${GROUP_ID}"`
	// anyBlock is for bases that may have no useradd, or busybox's tools, which refuse an
	// ID that is taken: there the entries are written as they are.
	anyBlock = idCheck + `    if command -v useradd >/dev/null; then \
        groupadd --non-unique --gid "${GROUP_ID}" appgroup; \
        useradd --non-unique --no-log-init --uid "${USER_ID}" --gid "${GROUP_ID}" \
            --home-dir /home/appuser --shell /sbin/nologin appuser; \
    else \
        echo "appgroup:x:${GROUP_ID}:" >>/etc/group; \
        echo "appuser:x:${USER_ID}:${GROUP_ID}::/home/appuser:/sbin/nologin" >>/etc/passwd; \
    fi; \
    mkdir -p /home/appuser; \
    chown "${USER_ID}:${GROUP_ID}" /home/appuser`
)

// fixRoot makes an image end as a user that the Dockerfile creates already, or as the app user, as the template does.
func (a *auditor) fixRoot(f *Finding, s *subject, d *dockerfileSubject) {
	if d.inline {
		f.Hint = byHand
		return
	}
	if why := a.breaks(s, d); why != "" {
		f.Hint = why
		return
	}
	var head, tail []string
	line := userLine
	if name, user, ok := d.ownUser(); ok && !a.own() {
		line = "USER " + name
		owner, group := name, `"$(id -g `+name+`)"`
		if user.uid != "" && user.gid != "" {
			line, owner, group = "USER "+user.uid+":"+user.gid, user.uid, user.gid
		}
		tail = a.tail(s, d, owner, group)
	} else {
		head, tail = d.head(), a.tail(s, d, `"${USER_ID}"`, `"${GROUP_ID}"`)
		if len(head) > 2 {
			tail = append(tail, "ENV HOME="+appHome) // last, so that nothing that root runs leaves its files there
		}
	}
	first, end := d.after(), d.end()
	if len(head) < 3 || !d.startsAsRoot() || d.createsAccounts() { // the user is created where the stage is root, and has its own users
		head, tail = nil, append(head, tail...)
	}
	var edits []edit.Edit
	if len(head) > 0 {
		edits = append(edits, d.src.Insert(first, d.apart(first, head)...))
	}
	if user, replaced := d.replaceable(); replaced {
		edits = append(edits, d.src.Replace(user[0], user[1], append(tail, line)...))
	} else {
		edits = append(edits, d.src.Insert(end, d.apart(end, append(tail, "# "+userReason, line))...))
	}
	d.fix(f, append(edits, d.staysRoot()...)...)
}

// ownUser is the one user that the built stages create with a UID that is not root's, if they create one.
func (d *dockerfileSubject) ownUser() (name string, user account, ok bool) {
	if d.unsure != "" {
		return "", account{}, false
	}
	for other, u := range d.accounts {
		if u.uid == "0" || strings.ContainsAny(other, "$\"' ") {
			continue
		}
		if ok {
			return "", account{}, false
		}
		name, user, ok = other, u, true
	}
	return name, user, ok
}

// createsAccounts reports whether the target stage creates groups or users, which may want the app user's ID.
func (d *dockerfileSubject) createsAccounts() bool {
	return slices.ContainsFunc(d.runs, func(c call) bool {
		return slices.Contains([]string{"useradd", "adduser", "groupadd", "addgroup"}, c.program())
	})
}

// after is the line before which the app user is created: that behind FROM, or behind the declaration of its IDs.
func (d *dockerfileSubject) after() int {
	line := dockerfile.LastLine(d.target().Location) + 1
	for _, c := range d.target().Commands {
		if arg, ok := c.(*instructions.ArgCommand); ok && slices.ContainsFunc(arg.Args, func(kv instructions.KeyValuePairOptional) bool {
			return kv.Key == userArg || kv.Key == groupArg
		}) {
			line = dockerfile.LastLine(arg.Location()) + 1
		}
	}
	return line
}

var (
	// installs finds commands that install packages, or servers for development, which write beside the program.
	installs = regexp.MustCompile(`\b(?:apt-get|apt|apk|dnf|yum|pip3?|npm|pnpm|bundle|composer|gem)\s+(?:-\S+\s+)*(?:install|add|ci|i|update|upgrade)\b|\b(?:npm|pnpm|yarn)\s+(?:run\s+)?(?:dev|watch|start:dev)\b|\b(?:nodemon|go run|cargo run|dotnet watch)\b`)
	// ofRoot finds root's home, which others cannot read.
	ofRoot = regexp.MustCompile(`(?:^|[:\s=])/root(?:/|:|\s|$)`)
)

// breaks says why what an image starts would not work as another user without more; "" where nothing is known against it.
func (a *auditor) breaks(s *subject, d *dockerfileSubject) string {
	words := a.command(s)
	texts := []string{strings.Join(words, " ")}
	for _, word := range words {
		if script, ok := a.file(d, word); ok && strings.HasPrefix(script, "#!") {
			texts = append(texts, script)
		}
	}
	text := strings.Join(texts, "\n")
	if m := installs.FindString(text); m != "" {
		return fmt.Sprintf("it starts %q, which writes into folders of root: do that in the build, or give it folders of its user, and add USER", m)
	}
	for _, name := range slices.Sorted(maps.Keys(d.Env)) {
		if ofRoot.MatchString(d.Env[name]) && name != "HOME" {
			return fmt.Sprintf("%s is %s, below root's home, which others cannot read: install elsewhere, and add USER", name, d.Env[name])
		}
	}
	if m := ofRoot.FindString(text); m != "" {
		return "what it starts is below root's home, which others cannot read: put it elsewhere, and add USER"
	}
	for _, c := range d.commands() {
		if w, ok := c.(*instructions.WorkdirCommand); ok && ofRoot.MatchString(d.expand(w.Path)) {
			return "WORKDIR is below root's home, which others cannot read: put it elsewhere, and add USER"
		}
	}
	return ""
}

// staysRoot are edits that keep the stages that go on from the target as they are: root until a USER of their own.
func (d *dockerfileSubject) staysRoot() []edit.Edit {
	var edits []edit.Edit
	target := d.target()
	for _, stage := range d.file.Stages {
		if target.Name == "" || !strings.EqualFold(stage.BaseName, target.Name) {
			continue
		}
		for _, c := range stage.Commands {
			if isUser(c) {
				break
			}
			if _, run := c.(*instructions.RunCommand); run {
				edits = append(edits, d.src.Insert(dockerfile.LastLine(stage.Location)+1, "USER root"))
				break
			}
		}
	}
	return edits
}

// apart puts an empty line before and behind lines that come before a line, unless there
// is one already.
func (d *dockerfileSubject) apart(before int, lines []string) []string {
	if strings.TrimSpace(d.src.Line(before-1)) != "" {
		lines = append([]string{""}, lines...)
	}
	if before <= d.src.Lines() && strings.TrimSpace(d.src.Line(before)) != "" {
		lines = append(lines, "")
	}
	return lines
}

// head is what creates the user.
func (d *dockerfileSubject) head() []string {
	var lines []string
	for _, name := range []string{userArg, groupArg} {
		if d.Env[name] == "" {
			lines = append(lines, "ARG "+name+"="+appID)
		}
	}
	if d.hasUser() || !d.hasShell() {
		return lines
	}
	block := anyBlock
	if debianLike(d.Base) {
		block = shadowBlock
	}
	lines = append(lines, "# "+blockReason)
	for line := range strings.SplitSeq(block, "\n") {
		if text, ok := strings.CutSuffix(line, `\`); ok {
			line = text + string(d.file.Escape)
		}
		lines = append(lines, line)
	}
	return lines
}

// hasUser says that the built stages create a user with the UID already.
func (d *dockerfileSubject) hasUser() bool {
	return slices.ContainsFunc(d.runs, func(c call) bool {
		uid, _ := c.flag("-u", "--uid")
		return strings.Contains(uid, userArg) && c.program() != "usermod"
	})
}

// hasShell reports whether RUN works in the stage: it has a RUN already, or its base is known to have a shell.
func (d *dockerfileSubject) hasShell() bool {
	if noShell(d.Base) {
		return false
	}
	found := false
	for _, c := range d.commands() {
		switch c := c.(type) {
		case *instructions.RunCommand:
			found = found || c.PrependShell
		case *instructions.ShellCommand:
			if !slices.Contains(posixShells, path.Base(c.Shell[0])) {
				return false
			}
		}
	}
	_, known := wellKnown(d.Base)
	return found || known
}

// posixShells understand what the fix writes.
var posixShells = []string{"sh", "bash", "ash", "dash", "ksh", "zsh", "busybox"}

// tail gives an owner to the service's folders: where its data is mounted, and what the image calls volumes,
// unless a RUN mentions them already.
func (a *auditor) tail(s *subject, d *dockerfileSubject, owner, group string) []string {
	var all, folders []string
	for _, v := range s.cfg.Volumes {
		if (a.ofData(v) || v.Type == types.VolumeTypeVolume) && !v.ReadOnly {
			all = append(all, v.Target)
		}
	}
	for _, c := range d.commands() {
		if v, ok := c.(*instructions.VolumeCommand); ok {
			for _, path := range v.Volumes {
				all = append(all, d.expand(path))
			}
		}
	}
	for _, path := range all {
		plain := strings.HasPrefix(path, "/") && strings.Trim(path, "/") != "" && !strings.ContainsAny(path, " \t\r\n\"'$`\\;&|<>(){}*?[]#")
		mentioned := slices.ContainsFunc(d.runs, func(c call) bool {
			return (c.program() == "install" || c.program() == "chown") && slices.Contains(c.words, path)
		})
		if plain && !mentioned && !ofSystem(path) && !slices.Contains(folders, path) {
			folders = append(folders, path)
		}
	}
	if len(folders) == 0 || !d.hasShell() {
		return nil
	}
	return []string{
		"# The service's own folders.",
		"RUN install -d -m 0755 -o " + owner + " -g " + group + " " + strings.Join(folders, " "),
	}
}

// The folders of the Filesystem Hierarchy Standard, which belong to root whatever a service has mounted there, and those of which all below does, too.
var (
	systemFolders = []string{
		"/home", "/media", "/mnt", "/opt", "/root", "/run", "/srv", "/tmp", "/var", "/var/cache", "/var/lib", "/var/lock", "/var/log", "/var/mail", "/var/opt", "/var/run",
		"/var/spool", "/var/tmp",
	}
	systemTrees = []string{"/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/proc", "/sbin", "/sys", "/usr", "/run/secrets", "/root"}
)

// ofSystem reports whether a folder is the system's, which a service must not own.
func ofSystem(folder string) bool {
	folder = path.Clean(folder)
	return slices.Contains(systemFolders, folder) || slices.ContainsFunc(systemTrees, func(tree string) bool { return subpath.In(tree, folder) })
}

// startsAsRoot says that the target stage is known to begin as root.
func (d *dockerfileSubject) startsAsRoot() bool {
	for _, i := range d.Chain[:len(d.Chain)-1] {
		if slices.ContainsFunc(d.file.Stages[i].Commands, isUser) {
			return false
		}
	}
	return d.baseRoot
}

// replaceable returns the lines of the stage's only USER where everything behind it needs
// no root.
func (d *dockerfileSubject) replaceable() ([2]int, bool) {
	users := 0
	for _, c := range d.commands() {
		if isUser(c) {
			users++
		}
	}
	for _, c := range slices.Backward(d.target().Commands) {
		if isUser(c) {
			return [2]int{dockerfile.Line(c.Location()), dockerfile.LastLine(c.Location())}, users == 1
		}
		if !metadata(c) {
			break
		}
	}
	return [2]int{}, false
}

func isUser(c instructions.Command) bool {
	_, is := c.(*instructions.UserCommand)
	return is
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
func (d *dockerfileSubject) end() int {
	commands := d.target().Commands
	i := len(commands)
	for i > 0 && metadata(commands[i-1]) {
		i--
	}
	switch {
	case i < len(commands):
		end := dockerfile.Line(commands[i].Location())
		for end > 1 && strings.HasPrefix(strings.TrimSpace(d.src.Line(end-1)), "#") {
			end--
		}
		return end
	case i > 0:
		return dockerfile.LastLine(commands[i-1].Location()) + 1
	}
	return dockerfile.LastLine(d.target().Location) + 1
}
