package nonroot

import (
	"cmp"
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/im2-audio/im2/internal/compose/dockerfile"
)

const (
	// passwdFile says which UID a name is.
	passwdFile = "/etc/passwd"
	// maxAccounts is how many accounts of one passwd file are known. Images have fewer than 100.
	maxAccounts = 1000
)

var (
	// changesPasswd finds commands that write the passwd file in the text of a RUN.
	changesPasswd = regexp.MustCompile(`>\s*["']?/etc/passwd|\b(?:tee|cp|mv|install|ln|dd|patch)\b[^;&|\n]*/etc/passwd|\b(?:sed|perl)\s[^;&|\n]*-\S*i[^;&\n]*/etc/passwd|\b(?:newusers|vipw)\b`)
	// addsToPasswd finds those that leave the lines that are there.
	addsToPasswd = regexp.MustCompile(`^[^|;&]*(?:>>\s*["']?/etc/passwd|\btee\s+(?:-a|--append)\s[^;&|]*/etc/passwd)`)
	// changesFolder finds commands that go to its folder, relativePasswd the file as it is named there.
	changesFolder  = regexp.MustCompile(`\b(?:cd|pushd)\s+["']?/etc\b`)
	relativePasswd = regexp.MustCompile(`(^|[\s>"'])(?:\./)?passwd\b`)
	// passwdLine is the beginning of a line of that file, with the UID and the GID where that is a number, too.
	passwdLine = regexp.MustCompile(`([A-Za-z_][\w.-]*):[^:\s"']*:(\d+|\$\{?\w+\}?):(\d+|\$\{?\w+\}?)?`)
)

// readAccounts finds the users that the built stages create, and whether they change the passwd file in ways that cannot be
// followed here.
func (a *auditor) readAccounts(d *dockerfileSubject) {
	d.accounts = make(map[string]account)
	// What is below is the same for many builds, and is put into accounts once.
	defer func() {
		for name, user := range d.below {
			if _, above := d.accounts[name]; !above {
				d.accounts[name] = user
			}
		}
	}()
	if d.maker.usable() {
		d.below, d.unsure = d.maker.accounts, d.maker.unsure
	}
	folder := "/"
	for _, c := range d.commands() {
		switch c := c.(type) {
		case *instructions.WorkdirCommand:
			if folder = path.Join(folder, d.expand(c.Path)); path.IsAbs(c.Path) {
				folder = path.Clean(d.expand(c.Path))
			}
		case *instructions.RunCommand:
			calls := d.calls(c)
			d.runs = append(d.runs, calls...)
			d.created(calls)
			d.written(c, folder)
		case *instructions.CopyCommand:
			a.copied(d, c.SourcesAndDest, c.From, folder, dockerfile.Line(c.Location()))
		case *instructions.AddCommand:
			a.copied(d, c.SourcesAndDest, "", folder, dockerfile.Line(c.Location()))
		}
	}
}

// written reads what a RUN writes into the passwd file by other means.
func (d *dockerfileSubject) written(c *instructions.RunCommand, folder string) {
	first, last := dockerfile.Line(c.Location()), dockerfile.LastLine(c.Location())
	if first == 0 {
		return
	}
	text := string(d.src.Text[d.src.Start(first):d.src.Start(last+1)])
	if folder == path.Dir(passwdFile) || changesFolder.MatchString(text) {
		text = relativePasswd.ReplaceAllString(text, "${1}"+passwdFile)
	}
	if !changesPasswd.MatchString(text) {
		return
	}
	if addsToPasswd.MatchString(text) && d.readPasswd(text) {
		return
	}
	d.replace(nil) // What was known may be changed.
	for _, m := range passwdLine.FindAllStringSubmatch(text, -1) {
		if number(d.expand(m[2])) == "0" {
			d.accounts[m[1]] = account{uid: "0"}
		}
	}
	d.unsure = fmt.Sprintf("line %d changes %s", first, passwdFile)
}

// readPasswd adds the accounts in a text that has lines of a passwd file, and reports whether there are any.
func (d *dockerfileSubject) readPasswd(text string) bool {
	found := passwdAccounts(text, d.expand)
	for name, user := range found {
		if _, before := d.account(name); !before { // The first line of a name is the one that counts.
			d.accounts[name] = user
		}
	}
	return len(found) > 0
}

// account is what is known of a name so far.
func (d *dockerfileSubject) account(name string) (user account, known bool) {
	if user, known = d.accounts[name]; !known {
		user, known = d.below[name]
	}
	return user, known
}

// replace forgets the accounts for those of another passwd file.
func (d *dockerfileSubject) replace(below map[string]account) {
	clear(d.accounts)
	d.below = below
}

// passwdAccounts are the first accounts in a text.
func passwdAccounts(text string, expand func(string) string) map[string]account {
	all := make(map[string]account)
	for len(all) < maxAccounts {
		m := passwdLine.FindStringSubmatchIndex(text)
		if m == nil {
			break
		}
		word := func(i int) string {
			if m[i] < 0 {
				return ""
			}
			return text[m[i]:m[i+1]]
		}
		if uid := number(expand(word(4))); uid != "" {
			if _, before := all[word(2)]; !before {
				all[word(2)] = account{uid: uid, gid: number(expand(word(6)))}
			}
		}
		text = text[m[1]:]
	}
	return all
}

// passwd is a passwd file, which is parsed once, however often it is copied or mounted.
type passwd struct {
	accounts map[string]account
	err      error
}

func (a *auditor) passwd(path string) (map[string]account, error) {
	known, ok := a.passwds[path]
	if !ok {
		var text []byte
		if text, known.err = a.readFile(path); known.err == nil {
			known.accounts = passwdAccounts(string(text), func(word string) string { return word })
			delete(a.texts, path) // it may be large, and is not needed again
		}
		if len(known.accounts) == maxAccounts {
			known.err = fmt.Errorf("it has %d accounts or more", maxAccounts)
		}
		a.passwds[path] = known
	}
	return known.accounts, known.err
}

// number is a number as the engine reads it: "00" is 0. It is "" for what is none.
func number(text string) string {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return ""
	}
	return strconv.FormatUint(n, 10)
}

// mayHoldPasswd reports whether what is copied from name to a folder may have a passwd file in it that gets to its place. Of a folder
// of another image that is copied to the root, only its own root is taken for one.
func mayHoldPasswd(name, to string) bool {
	if base := path.Base(name); path.Ext(base) != "" && !isArchive(base) && !strings.HasPrefix(base, ".") {
		return false // *.sh or nsswitch.conf
	}
	switch to {
	case path.Dir(passwdFile):
		return true
	case "/":
		return path.Clean("/"+name) == "/" || isArchive(name) || strings.ContainsAny(path.Base(name), "*?[")
	}
	return false
}

func isArchive(name string) bool {
	archive, err := regexp.MatchString(`\.(?:tar|tgz|tar\.\w+)$`, name)
	return err == nil && archive
}

// copied reads a passwd file that is copied into the image, alone or with a folder.
func (a *auditor) copied(d *dockerfileSubject, c instructions.SourcesAndDest, from, folder string, line int) {
	to := d.expand(c.DestPath)
	if to != "" && !path.IsAbs(to) {
		to = strings.TrimSuffix(folder, "/") + "/" + to
	}
	into := strings.HasSuffix(to, "/") || len(c.SourcePaths)+len(c.SourceContents) > 1
	to = path.Clean("/" + to)
	for _, content := range c.SourceContents {
		if to == passwdFile || to == path.Dir(passwdFile) && path.Base(content.Path) == path.Base(passwdFile) {
			d.replace(nil)
			d.readPasswd(content.Data)
		}
	}
	for _, name := range c.SourcePaths {
		name = d.expand(name)
		is := to == passwdFile && !into || to == path.Dir(passwdFile) && path.Base(name) == path.Base(passwdFile)
		if from != "" || strings.ContainsAny(name, "*?[") || isArchive(name) {
			if is || mayHoldPasswd(name, to) {
				d.replace(nil)
				d.unsure = fmt.Sprintf("line %d copies %s from elsewhere", line, passwdFile)
			}
			continue
		}
		source := d.source(name)
		if source == "" {
			continue
		}
		if !is { // a folder with it
			rest, below := strings.CutPrefix(passwdFile, strings.TrimSuffix(to, "/")+"/")
			if !below {
				continue
			}
			source = filepath.Join(source, filepath.FromSlash(rest))
		}
		accounts, err := a.passwd(source)
		if accounts != nil {
			d.replace(accounts)
		}
		if err != nil && (is || accounts != nil) {
			d.unsure = fmt.Sprintf("line %d copies a %s that cannot be read here", line, passwdFile)
		}
	}
}

// makerOf is the build of an image that a service of this project builds, also as "service:NAME"; nil for any other image.
func (a *auditor) makerOf(image string) *dockerfileSubject {
	name, ok := strings.CutPrefix(image, "service:")
	if !ok {
		name, ok = a.makers[canonical(image)]
	}
	if s := a.subjects[name]; ok && s != nil && s.build.usable() {
		return s.build
	}
	return nil
}

// notSet is why a user is not known that has a variable without a value.
const notSet = "it has a variable that must be set"

// doubt is the level of a user that is not known: Compose does not start what has no value.
func doubt(unsure string) Level {
	if unsure == notSet {
		return Note
	}
	return Warning
}

// whoIs resolves the user of a service. unsure says why it is not known who a name is; "" where it is, or is taken for another
// user than root as every image's names are.
func (a *auditor) whoIs(s *subject, user string) (id identity, unsure string) {
	if stand := a.options.StandIn; stand != "" && strings.Contains(user, stand) {
		return identity{name: user}, notSet
	}
	d := s.build
	if d == nil {
		d = a.makerOf(s.cfg.Image)
	}
	if !d.usable() {
		id = identify(user, nil)
	} else {
		id = identify(user, d.accounts)
		if _, known := d.accounts[id.name]; !known {
			unsure = d.unsure
		}
	}
	if id.name == "" {
		unsure = "" // a number is what it is
	}
	if unsure == "" && !id.root() && s.cfg.User == "" {
		unsure = a.rivalOf(s)
	}
	if id.name == "" {
		return id, unsure
	}
	if unsure == "" && !id.root() {
		unsure = a.mountedPasswd(s, id.name)
	}
	return id, unsure
}

// rivalOf names another service that builds an image of the same name, which runs as root: whichever is built last is what both run.
func (a *auditor) rivalOf(s *subject) string {
	image := canonical(cmp.Or(s.cfg.Image, a.project.Name+"-"+s.name))
	for _, title := range a.rivals[image] {
		other := a.subjects[title]
		if d := other.build; title != s.title && d.usable() && d.KnownUser && identify(d.User, d.accounts).root() {
			return title + " builds an image of the same name, which is root's"
		}
	}
	return ""
}

// mountedPasswd says why a name may be root where a passwd file is mounted over the image's; "" where it is not. Docker takes
// the image's file for the user of a container, Podman the one that is mounted.
func (a *auditor) mountedPasswd(s *subject, name string) (unsure string) {
	for _, m := range a.mounts(s) {
		rest, over := strings.CutPrefix(passwdFile, path.Clean("/"+m.target))
		if !over || rest != "" && rest[0] != '/' || m.target == "/" {
			continue
		}
		var accounts map[string]account
		if m.source != "" {
			accounts, _ = a.passwd(filepath.Join(m.source, filepath.FromSlash(rest)))
		} else {
			accounts = passwdAccounts(m.content, func(word string) string { return word })
		}
		switch user, ok := accounts[name]; {
		case !ok:
			unsure = fmt.Sprintf("%s is mounted over %s, which Podman takes for that of the image", m.what, passwdFile)
		case user.uid == "0":
			unsure = fmt.Sprintf("by %s, which is mounted over %s, it is root: Podman takes that, Docker the image's", m.what, passwdFile)
		}
	}
	return unsure
}
