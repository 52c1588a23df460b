// Package start follows what a container starts, through wrappers, start scripts and programs that change the user, to the
// user that its program runs as in the end. Nothing is run: scripts are read, and where a condition is not known, both ways are.
package start

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Root is the user that is UID 0.
const Root = "root"

// Unknown is a word of a command that is only known when it runs, and the user that such a word names.
const Unknown = "?"

// Limits on what is followed: far above real scripts, and low enough for a hostile one.
const (
	maxDepth = 16
	maxSteps = 20_000
	maxPaths = 64
	// maxScript is how many bytes a script may have; the parser needs memory for each nesting.
	maxScript = 32 << 10
	// maxNesting is how deep parentheses may be in each other.
	maxNesting = 1000
	// maxConfig is how many bytes the configuration of a supervisor may have.
	maxConfig = 1 << 20
	// maxValue is how many bytes of a variable are kept.
	maxValue = 1 << 10
)

// World is what is known of the container. The functions may not be nil.
type World struct {
	// Env returns a variable that the program starts with.
	Env func(name string) (string, bool)
	// File returns the text of a file that is copied into the image, by its path or its name alone; false for one that is not.
	File func(name string) (string, bool)
	// Services returns the texts of the run files that are copied in for a supervisor, such as those of s6.
	Services func() []string
	// IsRoot reports whether a user, by name or number, is UID 0.
	IsRoot func(user string) bool
	// SetUID reports whether a program has the set-user-ID bit.
	SetUID func(program string) bool
	// Written says what writes or changes a start script or configuration so that it cannot be read here, and may change the user; "" for
	// nothing. It may be nil.
	Written func(program string) string
	// Unsure says why the UID of a name is not known; "" where it is. It may be nil.
	Unsure func(user string) string
	// NoNewPrivileges says that no program gets more rights than the one that starts it.
	NoNewPrivileges bool
	// Documented is what is known of the image's start script.
	Documented Documented
}

// Documented is what the makers of an image say of its start script.
type Documented struct {
	// Script is the base name of the one that changes the user; "" for none.
	Script string
	// Passes is the base name of an entrypoint that starts its arguments as they are; "" for none.
	Passes string
	// Runs are patterns of the first words of commands for which Script changes the user, where there is none, of the programs that do so
	// themselves; "*" is every command, and "" none.
	Runs []string
	// FlagsToo says that it does for a command that begins with "-", too.
	FlagsToo bool
	// Becomes is the user that the program is then; "" for root.
	Becomes string
	// First says that its first process stays root.
	First bool
	// Depends are variables that are set and decide which user that is, or whether it is changed.
	Depends []string
}

// End is where a start leads.
type End struct {
	// User is the user in the end: [Root], another name or number, or [Unknown] for one that is not root by name. It is "" where no process is left.
	User string
	// By is what changed the user last; "" for nothing.
	By string
	// First says that the first process stays root, and those that do the work are the user's.
	First bool
	// Why is why the user is not known; "" where it is.
	Why string
	// NeedsRoot is the program that does not work as another user; "" for none that is known.
	NeedsRoot string
}

// Known reports whether the user is known.
func (e End) Known() bool { return e.Why == "" }

// Follow returns where a command line leads that a container starts as a user.
func Follow(w World, user string, argv []string) End {
	f := &follower{World: w}
	if w.IsRoot(user) {
		user = Root
	}
	end := f.program(argv, user, 0)
	if end.User == "" && end.Why == "" { // nothing but commands that end: they run as who it starts as
		end.User = user
	}
	return end
}

type follower struct {
	World
	steps int
	// uids are those of users that scripts created or changed, Unknown for one that is not known.
	uids map[string]string
}

// becomes is the end of a program that changes the user by a tool.
func (f *follower) becomes(user, by string) End {
	user, _, _ = strings.Cut(user, ":")
	uid, changed := f.uids[user]
	if !changed {
		uid, changed = f.uids[anyUser]
		changed = changed && !isNumber(user)
	}
	switch {
	case uncertain(user):
		return End{Why: "which user " + by + " becomes is only known when it runs"}
	case changed && uncertain(uid):
		return End{Why: "which UID " + user + " has is only known when it runs"}
	case user == "", f.IsRoot(user) && !changed, changed && f.IsRoot(uid):
		user = Root
	case f.Unsure != nil && !changed:
		if why := f.Unsure(user); why != "" {
			return End{Why: "which UID " + user + " has is not known: " + why}
		}
	}
	return End{User: user, By: by}
}

// written is the end of a script or configuration that a build writes itself, where that may change the user.
func (f *follower) written(file string) (End, bool) {
	if f.Written == nil {
		return End{}, false
	}
	by := f.Written(file)
	return End{Why: by + ", which may change the user"}, by != ""
}

// uncertain reports whether a part of a word is only known when it runs.
func uncertain(word string) bool { return strings.Contains(word, Unknown) }

// program follows a command line.
func (f *follower) program(argv []string, user string, depth int) End {
	by := ""
	for ; len(argv) > 0; depth++ {
		if f.steps++; depth > maxDepth || f.steps > maxSteps {
			return End{Why: "what it starts goes through too many programs"}
		}
		program := argv[0]
		name, args := path.Base(program), argv[1:]
		if text, ok := f.script(program); ok { // also one with the name of a tool
			if end, ok := f.written(program); ok && user == Root {
				return end
			}
			return f.file(name, text, args, user, depth).since(by)
		}
		if rest, ok := unwrapped(name, args); ok {
			if name == "env" {
				defer f.with(args[:max(0, len(args)-len(rest))])()
			}
			argv = rest
			continue
		}
		if isShell(name) {
			return f.shell(name, args, user, depth).since(by)
		}
		if change, ok := droppers[name]; ok {
			to, ok := change(args)
			if ok && (user == Root || raises[name] && !f.NoNewPrivileges) {
				end := f.becomes(to.user, name)
				if end.Why != "" {
					return end
				}
				user, by = end.User, name
			}
			if to.script != "" {
				return f.text(to.script, "sh", "sh", to.rest, user, depth+1).since(by)
			}
			if user != Root && user != Unknown && !raisesNext(to.rest) && !f.SetUID(first(to.rest)) {
				return End{User: user, By: by}
			}
			argv = to.rest
			continue
		}
		if f.SetUID(program) && !f.NoNewPrivileges {
			user, by = Root, "the set-user-ID bit of "+name
		}
		return f.last(program, args, user, depth).since(by)
	}
	return End{User: user, By: by}
}

// script returns the text of a start script that is named by its path.
func (f *follower) script(program string) (string, bool) {
	if !strings.Contains(program, "/") {
		return "", false
	}
	text, ok := f.File(program)
	return text, ok && strings.HasPrefix(text, "#!")
}

// since keeps what changed the user before, where nothing did later.
func (e End) since(by string) End {
	if e.By == "" && e.Why == "" {
		e.By = by
	}
	return e
}

func first(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return words[0]
}

// raisesNext reports whether a command line begins with a program by which anybody may become root.
func raisesNext(argv []string) bool {
	for len(argv) > 0 {
		name := path.Base(argv[0])
		rest, ok := unwrapped(name, argv[1:])
		if !ok {
			return raises[name]
		}
		argv = rest
	}
	return false
}

// last follows a program that is neither a wrapper nor a tool to change the user.
func (f *follower) last(program string, args []string, user string, depth int) End {
	name := path.Base(program)
	if program == Unknown {
		return End{User: user}
	}
	if text, ok := f.File(program); ok {
		return f.file(name, text, args, user, depth)
	}
	if d := f.Documented; d.Script != "" && d.Script == name && user == Root {
		if d.covers(args) {
			return f.documented(name)
		}
		return f.program(args, user, depth+1)
	}
	if d := f.Documented; d.Script == "" && d.Becomes != "" && user == Root && d.covers([]string{name}) {
		return f.documented(name)
	}
	if f.Documented.Passes == name && len(args) > 0 {
		return f.program(args, user, depth+1)
	}
	if end, ok := f.written(program); ok && user == Root {
		return end
	}
	if interpreters.MatchString(name) {
		for _, arg := range args {
			if text, ok := f.File(arg); ok && !strings.HasPrefix(arg, "-") {
				return foreign(path.Base(arg), text, user)
			}
		}
	}
	if s, ok := serverOf(name); ok && user == Root {
		return s(f, name, args)
	}
	if name == "supervisord" && user == Root {
		return f.supervisord(name, args, depth)
	}
	if program == "/init" || supervisors[name] {
		return f.supervised(name, args, user, depth)
	}
	if needRoot[name] || program == "/sbin/init" {
		return End{User: user, NeedsRoot: name}
	}
	if i := slices.Index(args, "--"); i >= 0 && i+1 < len(args) { // a wrapper that is not known
		if _, tool := droppers[path.Base(args[i+1])]; tool {
			return f.program(args[i+1:], user, depth+1)
		}
	}
	return End{User: user}
}

// documented is the end of a program of the image that is known to change the user.
func (f *follower) documented(name string) End {
	if d := f.Documented; len(d.Depends) > 0 {
		return End{Why: fmt.Sprintf("which user %s becomes depends on %s", name, strings.Join(d.Depends, " and "))}
	}
	end := f.becomes(f.Documented.Becomes, name)
	end.First = f.Documented.First && end.User != Root
	return end
}

// covers reports whether the start script changes the user for a command.
func (d Documented) covers(command []string) bool {
	if slices.Contains(d.Runs, "*") {
		return true
	}
	if len(command) == 0 {
		return slices.Contains(d.Runs, "")
	}
	if strings.HasPrefix(command[0], "-") && d.FlagsToo {
		return true
	}
	return slices.ContainsFunc(d.Runs, func(pattern string) bool {
		match, err := path.Match(pattern, path.Base(command[0]))
		return match && err == nil
	})
}

// file follows a file that is copied into the image and started.
func (f *follower) file(name, text string, args []string, user string, depth int) End {
	head, _, _ := strings.Cut(text, "\n")
	if strings.IndexByte(text[:min(len(text), 512)], 0) >= 0 {
		return End{User: user} // a binary
	}
	shell := "sh"
	if line, ok := strings.CutPrefix(head, "#!"); ok {
		interpreter := ""
		for _, word := range strings.Fields(line) {
			if base := path.Base(word); base != "env" && !strings.HasPrefix(word, "-") {
				interpreter = base
				if base != "with-contenv" {
					break
				}
			}
		}
		switch {
		case isShell(interpreter) || interpreter == "with-contenv":
			shell = interpreter
		case interpreter == "execlineb":
			return f.execline(text, user, depth)
		default:
			return foreign(name, text, user)
		}
	}
	return f.text(text, name, shell, args, user, depth+1)
}

// foreign is the end of a script in another language than the shell's.
func foreign(name, text, user string) End {
	if user == Root && setsUser.MatchString(text) {
		return End{Why: name + " may change its user itself"}
	}
	return End{User: user}
}

// worst is the end that counts where several programs run side by side: root, one that is not known, and only then another user.
func worst(ends []End) End {
	var result End
	for _, e := range ends {
		if rank(e) > rank(result) {
			result = e
		}
	}
	return result
}

func rank(e End) int {
	switch {
	case e.Why != "":
		return 2
	case e.User == Root:
		return 3
	case e.User != "":
		return 1
	}
	return 0
}

// either is the end where only one of several happens, and which one is not known.
func either(name string, ends []End) End {
	var found []End
	for _, e := range ends {
		if rank(e) > 0 && !slices.Contains(found, e) {
			found = append(found, e)
		}
	}
	if len(found) == 0 {
		return End{}
	}
	result := found[0]
	for _, e := range found[1:] {
		switch {
		case e.Why != "":
			result = e
		case result.Why != "":
		case rank(e) != rank(result):
			return End{Why: "whether " + name + " becomes another user depends on what is only known when it runs"}
		case e.User != result.User:
			result.User = Unknown
		}
	}
	return result
}
