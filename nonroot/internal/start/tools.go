package start

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// Options splits the arguments of a program into the values of its options and what is behind them. short are the letters that take a
// value, long the names that do; "--" ends the options.
func Options(args []string, short string, long ...string) (values map[string]string, rest []string) {
	values = make(map[string]string)
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--":
			return values, args[i+1:]
		case len(arg) < 2 || arg[0] != '-':
			return values, args[i:]
		case strings.HasPrefix(arg, "--"):
			name, value, given := strings.Cut(arg[2:], "=")
			if !given && slices.Contains(long, name) && i+1 < len(args) {
				i++
				value = args[i]
			}
			values[name] = value
		default:
			if at := strings.IndexAny(arg[1:], short); at >= 0 && short != "" {
				letter, value := arg[at+1:at+2], arg[at+2:]
				if value == "" && i+1 < len(args) {
					i++
					value = args[i]
				}
				values[letter] = value
			} else {
				values[arg[1:2]] = ""
			}
		}
	}
	return values, nil
}

// wrapper is a program that starts the one behind its options as the same user.
type wrapper struct {
	short string   // letters of options that take a value
	long  []string // names that do
	skip  int      // how many words are before the program
}

var wrappers = map[string]wrapper{
	"tini": {short: "pe"}, "tini-static": {short: "pe"}, "docker-init": {short: "pe"}, "dumb-init": {short: "r", long: []string{"rewrite"}}, "catatonit": {},
	"exec": {short: "a"}, "command": {}, "builtin": {}, "nohup": {}, "setsid": {}, "eatmydata": {}, "nice": {short: "n", long: []string{"adjustment"}},
	"ionice": {short: "cnp", long: []string{"class", "classdata"}}, "stdbuf": {short: "ioe", long: []string{"input", "output", "error"}},
	"timeout": {short: "sk", long: []string{"signal", "kill-after"}, skip: 1}, "time": {short: "fo"}, "chrt": {short: "TPD", skip: 1},
	"taskset": {skip: 1}, "busybox": {}, "env": {short: "uCS", long: []string{"unset", "chdir", "split-string"}}, "dbus-run-session": {long: []string{"config-file"}},
	"xvfb-run": {short: "fnspe", long: []string{"server-args", "server-num", "error-file", "auth-file"}}, "ddtrace-run": {}, "opentelemetry-instrument": {},
	"with-contenv": {}, "s6-envdir": {skip: 1}, "cgexec": {short: "g"}, "prlimit": {}, "softlimit": {short: "adfmorst"}, "pid1": {},
}

// unwrapped returns what a wrapper starts.
func unwrapped(name string, args []string) (rest []string, ok bool) {
	w, ok := wrappers[name]
	if !ok {
		return nil, false
	}
	values, rest := Options(args, w.short, w.long...)
	rest = rest[min(w.skip, len(rest)):]
	if name == "env" {
		split := values["S"] + values["split-string"]
		rest = append(strings.Fields(split), rest...)
		for len(rest) > 0 && strings.Contains(rest[0], "=") {
			rest = rest[1:]
		}
	}
	if len(rest) > 0 && rest[0] == "--" {
		rest = rest[1:]
	}
	return rest, true
}

// target is the user that a tool changes to, and what it starts: a command line, or a shell's text with its arguments.
type target struct {
	user   string
	rest   []string
	script string
}

// raises are the tools by which a user who is not root may become root.
var raises = map[string]bool{"sudo": true, "doas": true}

// droppers read the arguments of the tools that change the user. ok is false where the arguments name none, so that it stays.
var droppers = map[string]func(args []string) (t target, ok bool){
	"gosu": word, "su-exec": word, "setuidgid": word, "s6-setuidgid": word, "setuser": word,
	"chpst": option("uUbe/nlLmdopfcrt", "u"), "s6-applyuidgid": option("ugG", "u"),
	"setpriv": option("", "reuid", "euid", "regid", "rgid", "egid", "ruid", "groups", "inh-caps", "ambient-caps", "bounding-set", "securebits", "pdeathsig",
		"selinux-label", "apparmor-profile", "ptracer", "landlock-access", "landlock-rule", "seccomp-filter"),
	"sudo": superuser("ugChprtTUDR", "user", "group", "prompt", "host", "close-from", "role", "type", "command-timeout", "other-user", "chdir", "chroot"),
	"doas": superuser("uCa", "user"), "su": substitute, "runuser": runuser, "capsh": capsh, "chroot": chroot, "start-stop-daemon": startStop,
}

// word is a tool whose first argument is the user.
func word(args []string) (target, bool) {
	_, args = Options(args, "")
	if len(args) == 0 {
		return target{}, false
	}
	return target{user: args[0], rest: args[1:]}, true
}

// option is a tool that has the user in an option, and stays who it is without: first is a letter of short, or a name.
func option(short, first string, long ...string) func([]string) (target, bool) {
	return func(args []string) (target, bool) {
		values, rest := Options(args, short, append([]string{first}, long...)...)
		for _, name := range append([]string{first}, slices.DeleteFunc(slices.Clone(long), func(n string) bool { return n != "euid" })...) {
			if user, ok := values[name]; ok {
				return target{user: numeric(user), rest: rest}, true
			}
		}
		return target{rest: rest}, false
	}
}

// numeric is a user of chpst, which begins with a colon where it is a number.
func numeric(user string) string { return strings.TrimPrefix(user, ":") }

// superuser is a tool that makes its caller root, unless it is told another user.
func superuser(short string, long ...string) func([]string) (target, bool) {
	return func(args []string) (target, bool) {
		values, rest := Options(args, short, long...)
		for len(rest) > 0 && strings.Contains(rest[0], "=") {
			rest = rest[1:]
		}
		user := Root
		for _, name := range []string{"u", "user"} {
			if value, ok := values[name]; ok {
				user = strings.TrimPrefix(value, "#")
			}
		}
		return target{user: user, rest: rest}, true
	}
}

// substitute is su, whose options may be behind the user.
func substitute(args []string) (target, bool) {
	t := target{user: Root}
	var operands []string
	const short = "csgGw"
	for {
		values, rest := Options(args, short, "command", "session-command", "shell", "group", "supp-group", "whitelist-environment")
		for _, name := range []string{"c", "command", "session-command"} {
			if text, ok := values[name]; ok {
				t.script = text
			}
		}
		if len(rest) == 0 {
			break
		}
		ended := len(args) > len(rest) && args[len(args)-len(rest)-1] == "--"
		operands, args = append(operands, rest[0]), rest[1:]
		if ended {
			operands = append(operands, args...)
			break
		}
	}
	if len(operands) > 0 && operands[0] == "-" {
		operands = operands[1:]
	}
	if len(operands) > 0 {
		t.user, operands = operands[0], operands[1:]
	}
	t.rest = operands
	if t.script == "" && len(operands) > 0 { // arguments of the shell
		t.rest = append([]string{"sh"}, operands...)
	}
	return t, true
}

func runuser(args []string) (target, bool) {
	values, rest := Options(args, "ucsgGw", "user", "command", "shell", "group", "supp-group")
	for _, name := range []string{"u", "user"} {
		if user, ok := values[name]; ok {
			return target{user: user, rest: rest}, true
		}
	}
	return substitute(args)
}

func capsh(args []string) (t target, ok bool) {
	for i, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		switch name {
		case "--user", "--uid":
			t.user, ok = value, true
		case "--", "==":
			t.rest = append([]string{"bash"}, args[i+1:]...)
			return t, ok
		}
	}
	return t, ok
}

func chroot(args []string) (target, bool) {
	values, rest := Options(args, "", "userspec", "groups")
	user, ok := values["userspec"]
	return target{user: user, rest: rest[min(1, len(rest)):]}, ok
}

func startStop(args []string) (target, bool) {
	values, rest := Options(args, "cxanpugdsrkNIPR", "chuid", "exec", "startas", "name", "pidfile", "user", "group", "chdir", "signal", "retry", "umask", "nicelevel")
	var t target
	for _, name := range []string{"x", "exec", "a", "startas"} {
		if program := values[name]; program != "" {
			t.rest = append([]string{program}, rest...)
		}
	}
	for _, name := range []string{"c", "chuid"} {
		if user, ok := values[name]; ok {
			t.user = user
			return t, true
		}
	}
	return t, false
}

var (
	shells         = []string{"sh", "bash", "ash", "dash", "ksh", "zsh", "mksh", "rbash"}
	interpreters   = regexp.MustCompile(`^(?:python|pypy|node|nodejs|ruby|perl|php|deno|bun|lua|tclsh)[\d.]*$`)
	setsUser       = regexp.MustCompile(`\bset(?:e|re|res)?uid\b|\binitgroups\b|Process::UID|\$[<>]\s*=|\b(?:gosu|su-exec|setpriv|runuser|setuidgid)\b`)
	commentPattern = regexp.MustCompile(`(?m)(?:^|\s)#.*$`)
)

func isShell(name string) bool { return slices.Contains(shells, name) }

// shell follows a shell with its arguments: a text behind -c, or a script.
func (f *follower) shell(name string, args []string, user string, depth int) End {
	command := false
	for len(args) > 0 && len(args[0]) > 1 && (args[0][0] == '-' || args[0][0] == '+') {
		arg := args[0]
		args = args[1:]
		if arg == "--" {
			break
		}
		if arg == "--rcfile" || arg == "--init-file" || !strings.HasPrefix(arg, "--") && strings.HasSuffix(arg, "o") {
			args = args[min(1, len(args)):]
		}
		command = command || !strings.HasPrefix(arg, "--") && strings.Contains(arg, "c")
	}
	switch {
	case len(args) == 0:
		return End{User: user}
	case command:
		as := name
		if len(args) > 1 {
			as = args[1]
		}
		return f.text(args[0], as, name, args[min(2, len(args)):], user, depth+1)
	case args[0] == Unknown:
		return End{User: user}
	}
	if end, ok := f.written(args[0]); ok && user == Root {
		return end
	}
	if text, ok := f.File(args[0]); ok {
		return f.text(text, args[0], name, args[1:], user, depth+1)
	}
	if f.Documented.Script == path.Base(args[0]) {
		return f.last(args[0], args[1:], user, depth+1)
	}
	return End{User: user}
}
