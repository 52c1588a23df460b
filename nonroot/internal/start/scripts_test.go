package start_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/im2-audio/im2/nonroot/internal/start"
)

var annotation = regexp.MustCompile(`(?m)^# (args|env): (.*)$`)

// stubs makes programs that say which user they would run as, and do nothing; each is a script of the real shell.
func stubs(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	const end = `echo "END $user" >&9`
	programs := map[string]string{
		"id":      `case "$1" in -u) echo 0;; -un) echo root;; esac`,
		"whoami":  "echo root",
		"gosu":    `user=${1%%:*}; ` + end,
		"su":      `user=root; while [ $# -gt 0 ]; do case "$1" in -c|-s) shift;; -*) ;; *) user=$1;; esac; shift; done; ` + end,
		"setpriv": `user=root; for a; do case "$a" in --reuid=*) user=${a#*=};; esac; done; ` + end,
	}
	programs["su-exec"] = programs["gosu"]
	for _, name := range []string{"server", "worker", "migrate", "db", "cache", "app-server"} {
		programs[name] = "user=root; " + end
	}
	for _, name := range []string{"chown", "mkdir", "find", "groupmod", "usermod", "cat"} {
		programs[name] = "exit 0"
	}
	programs["sh"], programs["env"] = `exec /bin/sh "$@"`, `exec /usr/bin/env "$@"`
	programs["basename"] = `echo "${1##*/}"`
	for name, text := range programs {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// really runs a script in a real shell and returns the user of what it leaves running: "root" if any of those is. What runs before the
// last is a helper, unless it is in the background.
func really(t *testing.T, path, text string, args, env []string) string {
	t.Helper()
	shell := strings.TrimPrefix(strings.SplitN(text, "\n", 2)[0], "#!")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	dir := t.TempDir()
	script, ends := filepath.Join(dir, "entry"), filepath.Join(dir, "ends")
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(ends)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	c := exec.CommandContext(ctx, shell, append([]string{script}, args...)...)
	c.Env = append([]string{"PATH=" + path}, env...)
	c.Dir = dir
	c.ExtraFiles = []*os.File{out, out, out, out, out, out, out} // 3 to 9
	if output, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	said, err := os.ReadFile(ends)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(said)), "\n")
	if strings.Contains(text, "&\n") && strings.Contains(string(said), "END root") {
		return "root"
	}
	user := strings.TrimPrefix(lines[len(lines)-1], "END ")
	if user == "0" {
		return "root"
	}
	return user
}

func TestScriptsInARealShell(t *testing.T) {
	t.Parallel()
	path := stubs(t)
	archive, err := txtar.ParseFile("testdata/scripts.txtar")
	if err != nil {
		t.Fatal(err)
	}
	if len(archive.Files) < 40 {
		t.Fatalf("%d scripts", len(archive.Files))
	}
	for _, file := range archive.Files {
		t.Run(file.Name, func(t *testing.T) {
			t.Parallel()
			text := string(file.Data)
			var args, environ []string
			env := make(map[string]string)
			for _, m := range annotation.FindAllStringSubmatch(text, -1) {
				if m[1] == "args" {
					args = strings.Fields(m[2])
					continue
				}
				environ = strings.Fields(m[2])
				for _, pair := range environ {
					name, value, _ := strings.Cut(pair, "=")
					env[name] = value
				}
			}
			want := really(t, path, text, args, environ)
			got := start.Follow(world(map[string]string{"entry": text}, env), "root", append([]string{"/entry"}, args...))
			if got.User != want || got.Why != "" {
				t.Errorf("%q; the real shell: %q", show(got), want)
			}
		})
	}
}

// TestConditionsThatAreNotKnown: both ways count, and where they differ that is said.
func TestConditionsThatAreNotKnown(t *testing.T) { //nolint:funlen // a table of cases
	t.Parallel()
	for text, want := range map[string]string{ //nolint:gosec // no passwords are in it
		"if [ -f /x ]; then exec gosu app x; fi\nexec x":                                       "whether",
		"if [ -f /x ]; then exec gosu app x; fi\nexec su-exec app x":                           "app by",
		"if [ -f /x ]; then exec gosu a x; fi\nexec gosu b x":                                  "? by gosu",
		"[ -f /x ] || exit 1\nexec gosu app x":                                                 "app by gosu",
		"[ -f /x ] && chown app /x\nexec gosu app x":                                           "app by gosu",
		"exec gosu $(cat /user) x":                                                             "not known: which user gosu becomes",
		"read user\nexec gosu $user x":                                                         "not known: which user gosu becomes",
		"user=$(stat -c %u /data)\nif [ \"$user\" != 0 ]; then exec gosu app x; fi; exec x":    "whether",
		"while [ $# -gt 0 ]; do shift; done\nexec gosu app \"$@\"":                             "app by gosu",
		"until nc -z db 1; do sleep 1; done\nexec gosu app x":                                  "app by gosu",
		"exec gosu \"$(stat -c %u /data):$(stat -c %g /data)\" x":                              "not known: which user gosu becomes",
		"setpriv --regid=\"$(id -g app)\" --reuid=\"$(id -u app)\" x":                          "app by setpriv",
		"usermod -o -u 0 app\nexec gosu app x":                                                 "root by gosu",
		"usermod -o -u \"$(stat -c %u /data)\" app\nexec gosu app x":                           "not known: which UID app has",
		"usermod --uid=5 app\nexec gosu app x":                                                 "app by gosu",
		"useradd -ou 0 boss\n. /more":                                                          "app by gosu",
		"useradd -ou 0 boss\nexec gosu boss x":                                                 "root by gosu",
		"echo \"boss:x:$ID:0::/:/bin/sh\" >>/etc/passwd\nexec gosu boss x":                     "not known: which UID boss has",
		"sed -i s/1000/$ID/ /etc/passwd\nexec gosu app x":                                      "not known: which UID app has",
		"sed -i s/1000/$ID/ /etc/passwd\nexec gosu 1000 x":                                     "1000 by gosu",
		"if [ \"$UID\" = 0 ]; then exec gosu app x; fi; exec x":                                "whether",
		"[[ $(id -u) = 0 ]] && exec gosu app x; exec x":                                        "whether",
		"if [ $(id -u) == 0 ]; then exec gosu app x; fi; exec x":                               "whether",
		"if [ $(id -u) == 1 ]; then exec x; fi; exec gosu app x":                               "app by gosu",
		"[ -n \"$HOSTNAME\" ] && exec x; exec gosu app x":                                      "whether",
		"while getopts u: o; do u=$OPTARG; done; exec gosu \"${u:-app}\" x":                    "not known: which user gosu becomes",
		"case a in a) true ;& b) exec x ;; esac; exec gosu app x":                              "whether",
		"gosu app x\ngunicorn -t 60 x":                                                         "root",
		"gosu app x\nuwsgi -s :3031":                                                           "root",
		"gosu app x\n. /guarded\nexec x":                                                       "root",
		"set -- a\n" + strings.Repeat("set -- \"$@\" \"$@\"\n", 1000) + "exec gosu app \"$@\"": "app by gosu",
		"while true; do gosu app x; sleep 1; done":                                             "app by gosu",
		". /more\nexec x":                     "app by gosu",
		"/other x":                            "app by gosu",
		"exec /python x":                      "not known: python may",
		"exec /self":                          "not known: its start script self goes through too many",
		"f() { f; }\nf":                       "not known: its start script entry has too many",
		"exec gosu app x <":                   "not known: its start script entry cannot be read",
		"cron\nexec gosu app x":               "root needs cron",
		"service cron start\nexec gosu app x": "root needs cron",
		"nginx -t\nexec gosu app x":           "app by gosu",
		"nginx\nexec gosu app x":              "app by gosu",
		"chown -R app /data":                  "root",
		strings.Repeat("#", 33<<10):           "not known: its start script entry is larger",
		strings.Repeat("[ -f /$RANDOM ] && A=$A$RANDOM\n", 100) + "exec gosu app x":                   "app by gosu",
		strings.Repeat("[ -f /x ] && A=$((A+1))$A.1\n[ -f /y ] && B=$B.2\n", 40) + "exec gosu app x":  "not known: its start script entry has too many ways",
		"a=0123456789" + strings.Repeat("\na=$a$a", 60) + "\nexec gosu app $a":                        "app by gosu",
		"x={1..999999999}\nexec gosu app {1..999999999}":                                              "app by gosu",
		"cat <(id)\nexec gosu app x":                                                                  "app by gosu",
		"() 0":                                                                                        "root",
		strings.Repeat("(", 16<<10):                                                                   "not known: its start script entry is nested too deeply",
		strings.Repeat("$(", 8<<10) + strings.Repeat(")", 8<<10):                                      "not known: its start script entry is nested too deeply",
		"exec gosu app " + strings.Repeat("${a:-", 4<<10) + "x" + strings.Repeat("}", 4<<10):          "app by gosu",
		strings.Repeat("if true; then ", 2<<10) + "exec gosu app x; " + strings.Repeat("fi; ", 2<<10): "",
		"exec gosu ~somebody x":                                                                       "not known: which user gosu becomes",
	} {
		files := map[string]string{
			"entry": text, "more": "exec gosu app x\n", "other": "#!/bin/sh\nexec gosu app x\n",
			"python": "#!/usr/bin/env python3\nimport os\nos.setuid(1)\n", "self": "#!/bin/sh\nexec /self\n",
			"guarded": "[ -z \"$GUARD\" ] && return\n",
		}
		if got := show(start.Follow(world(files, nil), "root", []string{"sh", "/entry"})); !strings.Contains(got, want) {
			t.Errorf("%.60s: got %q, want %q", text, got, want)
		}
	}
}

// TestFiles: what configurations and run files say.
func TestFiles(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files map[string]string
		line  string
		want  string
	}{
		"nginx":               {map[string]string{"nginx.conf": "user web;\n"}, "nginx", "web by nginx, first"},
		"nginx, root":         {map[string]string{"nginx.conf": "worker_processes 1;\nuser  root;\n"}, "nginx", "root by nginx"},
		"nginx, comment":      {map[string]string{"nginx.conf": "# user root;\n"}, "nginx", "nginx by nginx, first"},
		"php":                 {map[string]string{"www.conf": "; user = root\nuser = web\n"}, "php-fpm", "web by php-fpm, first"},
		"haproxy":             {map[string]string{"h.cfg": "global\n  user haproxy\n"}, "haproxy -f /h.cfg", "haproxy by haproxy"},
		"mosquitto":           {nil, "mosquitto -c /m.conf", "mosquitto by mosquitto"},
		"mosquitto of root":   {map[string]string{"m.conf": "listener 1883\nuser root\n"}, "mosquitto -c /m.conf", "root by mosquitto"},
		"uwsgi":               {map[string]string{"u.ini": "[uwsgi]\nuid = web\n"}, "uwsgi --ini /u.ini", "web by uwsgi"},
		"supervisord":         {map[string]string{"supervisord.conf": "[supervisord]\nuser=app\n[program:a]\ncommand=a\n"}, "supervisord -n", "app by supervisord"},
		"its programs":        {map[string]string{"s.conf": "[supervisord]\nnodaemon=true\n[program:a]\ncommand=a\nuser=app\n[program:b]\ncommand=gosu app b\n"}, "supervisord -c /s.conf", "app by supervisord, first"},
		"one of root's":       {map[string]string{"s.conf": "[supervisord]\nuser=root\n[program:a]\ncommand=a\nuser=app\n[program:b]\ncommand=b\n"}, "supervisord -c /s.conf", "root needs supervisord"},
		"s6":                  {map[string]string{"run1": "#!/command/execlineb -P\ns6-setuidgid app x\n", "run2": "#!/usr/bin/with-contenv bash\nexec s6-setuidgid app y\n"}, "/init", "app by s6-setuidgid, first"},
		"s6, one of root's":   {map[string]string{"run1": "#!/bin/sh\nexec s6-setuidgid app x\n", "run2": "#!/bin/sh\nexec y\n"}, "/init", "root needs init"},
		"s6 with a command":   {map[string]string{"run1": "#!/bin/sh\nexec s6-setuidgid app x\n"}, "/init server", "root needs init"},
		"execline, apart":     {map[string]string{"run1": "#!/bin/execlineb -P\nif { s6-setuidgid app mkdir /x }\ny\n"}, "/init", "root needs init"},
		"execline, behind":    {map[string]string{"run1": "#!/bin/execlineb -P\nif { mkdir /x }\ns6-setuidgid app y\n"}, "/init", "app by s6-setuidgid, first"},
		"without #!":          {map[string]string{"e.sh": "exec gosu app x\n"}, "sh -c /e.sh", "app by gosu"},
		"a binary":            {map[string]string{"x": "\x7fELF\x00gosu"}, "/x", "root"},
		"env with -S":         {map[string]string{"e": "#!/usr/bin/env -S bash -e\nexec gosu app x\n"}, "/e", "app by gosu"},
		"another interpreter": {map[string]string{"e": "#!/usr/bin/perl\nexec 1;\n"}, "/e", "root"},
		"of an interpreter":   {map[string]string{"e.py": "os.setresuid(1, 1, 1)\n"}, "python3 -u e.py", "not known: e.py may change its user itself"},
	} {
		if got := show(start.Follow(world(c.files, nil), "root", strings.Fields(c.line))); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// TestDocumentedScripts: the script of an image that is not available locally counts as documented for the commands that it is for, and for no others.
func TestDocumentedScripts(t *testing.T) {
	t.Parallel()
	w := world(nil, nil)
	w.Documented = start.Documented{Script: "docker-entrypoint.sh", Runs: []string{"db", "db-*"}, FlagsToo: true, Becomes: "db"}
	server := world(nil, nil)
	server.Documented = start.Documented{Passes: "entry", Runs: []string{"serve*"}, Becomes: "web"}
	for line, want := range map[string]string{
		"entry serve -g x": "web by serve", "entry serve-debug": "web by serve-debug", "entry sh": "root", "entry gosu app x": "app by gosu", "entry": "root", "serve": "web by serve", "tini entry other": "root",
	} {
		if got := show(start.Follow(server, "root", strings.Fields(line))); got != want {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
	set := w
	set.Documented.Depends = []string{"DB_UID"}
	if got := show(start.Follow(set, "root", []string{"docker-entrypoint.sh", "db"})); got != "not known: which user docker-entrypoint.sh becomes depends on DB_UID" {
		t.Errorf("got %q", got)
	}
	for line, want := range map[string]string{
		"docker-entrypoint.sh db": "db by docker-entrypoint.sh", "docker-entrypoint.sh": "root", "docker-entrypoint.sh -x": "db by docker-entrypoint.sh",
		"/usr/local/bin/docker-entrypoint.sh db-tool": "db by docker-entrypoint.sh", "docker-entrypoint.sh bash": "root", "docker-entrypoint.sh gosu app x": "app by gosu",
		"db": "root", "tini -- docker-entrypoint.sh db": "db by docker-entrypoint.sh", "sh docker-entrypoint.sh db": "db by docker-entrypoint.sh",
	} {
		if got := show(start.Follow(w, "root", strings.Fields(line))); got != want {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
}
