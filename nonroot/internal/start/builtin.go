package start

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// builtin follows the shell's own commands. done is false for what is none.
func (s *script) builtin(words []string, assigns []*syntax.Assign, w *way) (ways []*way, done bool) { //nolint:cyclop // one case for each
	args := words[1:]
	w.status = yes
	switch words[0] {
	case "exec":
		if _, rest := Options(args, "a"); len(rest) > 0 {
			w.last = s.start(rest, assigns, w)
			s.finish(w)
			return nil, true
		}
	case "exit":
		if len(args) == 0 || args[0] == "0" || args[0] == Unknown {
			s.finish(w)
		}
		return nil, true
	case "return":
		w.skip = function
		if len(args) > 0 {
			w.status = map[bool]truth{true: yes, false: no}[args[0] == "0"]
		}
		if first(args) == Unknown {
			w.status = maybe
		}
	case "shift":
		n, err := strconv.Atoi(first(append(args, "1")))
		if err != nil || n < 0 {
			w.open = true
			break
		}
		w.args = w.args[min(n, len(w.args)):]
	case "set":
		w.set(args)
	case ".", "source":
		return s.source(args, w), true
	case "eval":
		return s.inline(strings.Join(args, " "), w), true
	case "test", "[":
		if words[0] == "[" && len(args) > 0 {
			args = args[:len(args)-1]
		}
		if w.status = condition(args); w.status == yes && slices.Contains(args, "==") && s.plain() {
			w.status = maybe // an error for some sh
		}
	case "false":
		w.status = no
	case "break":
		w.skip = wholeLoop
	case "continue":
		w.skip = turn
	case "read", "mapfile", "readarray", "getopts", "unset", "let":
		s.forgets(words[0], args, w)
	case "printf":
		if len(args) > 1 && args[0] == "-v" {
			w.forget(args[1])
		}
	case "true", ":", "cd", "export", "umask", "ulimit", "trap", "wait", "shopt", "alias", "local", "hash", "pushd", "popd", "echo":
	default:
		return nil, false
	}
	return []*way{w}, true
}

// source reads another file into the script.
func (s *script) source(args []string, w *way) []*way {
	text, ok := s.File(first(args))
	if !ok || len(args) == 0 {
		w.status = maybe
		return []*way{w}
	}
	from := s.from
	s.from = path.Base(args[0])
	ways := s.inline(text, w)
	s.from = from
	for _, w := range ways {
		if w.skip == function {
			w.skip = nothing
		}
	}
	return ways
}

// forgets follows the commands that set variables to what is not known, or to nothing.
func (s *script) forgets(command string, args []string, w *way) {
	if command == "unset" && first(args) == "-f" {
		for _, name := range args[1:] {
			delete(s.funcs, name)
		}
		return
	}
	more := map[string][]string{"getopts": {"OPTARG", "OPTIND"}, "read": {"REPLY"}, "mapfile": {"MAPFILE"}}[command]
	for _, name := range append(args, more...) {
		w.put(name, map[bool]string{true: "", false: Unknown}[command == "unset"])
	}
	w.status = maybe
}

// set gives a way other arguments, where the words are not only options.
func (w *way) set(args []string) {
	for len(args) > 0 && args[0] != "--" && strings.HasPrefix(args[0], "-") {
		if strings.HasSuffix(args[0], "o") && len(args) > 1 {
			args = args[1:]
		}
		args = args[1:]
	}
	if len(args) == 0 {
		return
	}
	if args[0] == "--" {
		args = args[1:]
	}
	w.args = slices.Clone(args)
	w.open = slices.Contains(args, Unknown) && w.open
	if len(w.args) > maxList {
		w.args, w.open = nil, true
	}
}

// inline follows commands that are read into the script.
func (s *script) inline(text string, w *way) []*way {
	if s.depth++; s.depth > maxDepth || len(text) > maxScript || strings.Contains(text, Unknown) && len(text) < 3 {
		s.depth--
		w.status = maybe
		return []*way{w}
	}
	defer func() { s.depth-- }()
	tree, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), s.name)
	if err != nil {
		w.status = maybe
		return []*way{w}
	}
	return s.statements(tree.Stmts, []*way{w})
}

// helpers are commands that end, and are never what a container is there for: those that succeed as far as anybody cares, and those
// that may as well not.
var helpers = map[string]truth{
	"mkdir": yes, "chown": yes, "chmod": yes, "chgrp": yes, "cp": yes, "mv": yes, "rm": yes, "ln": yes, "touch": yes, "install": yes, "usermod": yes, "groupmod": yes,
	"useradd": yes, "groupadd": yes, "adduser": yes, "addgroup": yes, "userdel": yes, "groupdel": yes, "deluser": yes, "delgroup": yes, "passwd": yes, "chpasswd": yes, "find": yes, "xargs": yes, "sed": yes,
	"awk": yes, "cat": yes, "tee": yes, "sleep": yes, "tail": yes, "head": yes, "sort": yes, "cut": yes, "tr": yes, "date": yes, "ls": yes, "sync": yes, "env": yes, "printenv": yes,
	"sysctl": yes, "mount": yes, "umount": yes, "mknod": yes, "mkfifo": yes, "locale-gen": yes, "update-ca-certificates": yes, "ldconfig": yes, "tar": yes, "gzip": yes,
	"unzip": yes, "envsubst": yes, "hostname": yes, "kill": yes, "setfacl": yes, "sponge": yes, "seq": yes, "clear": yes, "dirname": yes, "basename": yes, "uname": yes,
	"grep": maybe, "egrep": maybe, "id": maybe, "whoami": maybe, "getent": maybe, "which": maybe, "type": maybe, "nc": maybe, "ncat": maybe, "curl": maybe, "wget": maybe, "pgrep": maybe,
	"pidof": maybe, "ps": maybe, "stat": maybe, "mountpoint": maybe, "ping": maybe, "cmp": maybe, "diff": maybe, "expr": maybe, "pg_isready": maybe, "mysqladmin": maybe,
	"jq": maybe, "yq": maybe, "openssl": maybe, "ssh-keygen": maybe, "ip": maybe, "iptables": maybe, "apt-get": maybe, "apk": maybe,
}

// asks reports whether a server is only asked something, or checked.
func asks(words []string) bool {
	name := path.Base(words[0])
	if _, ok := serverOf(name); !ok {
		return false
	}
	asked := []string{"--version", "--help"}
	switch {
	case strings.HasPrefix(name, "nginx"), name == "openresty", name == "tengine", name == "freenginx":
		asked = append(asked, "-t", "-T", "-s", "-v", "-V")
	case strings.HasPrefix(name, "php-fpm"), strings.HasPrefix(name, "httpd"), strings.HasPrefix(name, "apache"):
		asked = append(asked, "-t", "-tt", "-v", "-V", "-i", "configtest")
	case strings.HasPrefix(name, "mysqld"), strings.HasPrefix(name, "mariadbd"):
		asked = append(asked, "--initialize", "--initialize-insecure", "--bootstrap")
	}
	return slices.ContainsFunc(words[1:], func(word string) bool { return slices.Contains(asked, word) })
}

// starts reports whether a command that mostly is a helper starts another program.
func starts(words []string) bool {
	rest, ok := unwrapped(path.Base(words[0]), words[1:])
	return ok && len(rest) > 0
}

// daemon reports whether a command starts a program that goes on in the background.
func daemon(words []string) bool {
	name := path.Base(words[0])
	return name == "service" || name == "rc-service" || path.Dir(words[0]) == "/etc/init.d" || needRoot[name] && !slices.Contains(words, "-f") && !slices.Contains(words, "-D")
}

// daemonEnd is the end of a program that is started as a service.
func (s *script) daemonEnd(words []string, end End) End {
	name := path.Base(words[0])
	if name == "service" || name == "rc-service" {
		name = first(words[min(1, len(words)):])
	} else if path.Dir(words[0]) != "/etc/init.d" {
		return end
	}
	if needRoot[name] || name == "ssh" {
		return End{User: s.user, NeedsRoot: name}
	}
	return End{}
}
