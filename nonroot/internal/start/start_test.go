package start_test

import (
	"strings"
	"testing"

	"github.com/im2-audio/im2/nonroot/internal/start"
)

// world is a container of these files and variables, in which only root and "toor" are UID 0.
func world(files map[string]string, env map[string]string) start.World {
	return start.World{
		Env: func(name string) (string, bool) { value, ok := env[name]; return value, ok },
		File: func(name string) (string, bool) {
			text, ok := files[name[strings.LastIndexByte(name, '/')+1:]]
			return text, ok
		},
		Services: func() []string {
			var all []string
			for name, text := range files {
				if strings.HasPrefix(name, "run") {
					all = append(all, text)
				}
			}
			return all
		},
		IsRoot: func(user string) bool { return user == "root" || user == "0" || user == "toor" || user == "00" },
		SetUID: func(program string) bool { return program == "/bin/suid" },
	}
}

func show(e start.End) string {
	switch {
	case e.Why != "":
		return "not known: " + e.Why
	case e.By == "" && e.NeedsRoot != "":
		return e.User + " needs " + e.NeedsRoot
	case e.By == "":
		return e.User
	}
	if e.First {
		return e.User + " by " + e.By + ", first"
	}
	return e.User + " by " + e.By
}

// TestCommandLines has the answers of the tools' manuals.
func TestCommandLines(t *testing.T) { //nolint:funlen // a table of cases
	t.Parallel()
	for line, want := range map[string]string{
		"":                                     "root",
		"/app":                                 "root",
		"node server.js":                       "root",
		"gosu app /x":                          "app by gosu",
		"gosu app:app /x":                      "app by gosu",
		"gosu 1000:1000 /x":                    "1000 by gosu",
		"gosu root /x":                         "root by gosu",
		"gosu 0 /x":                            "root by gosu",
		"gosu toor /x":                         "root by gosu",
		"gosu --version":                       "root",
		"su-exec :app /x":                      "root by su-exec",
		"tini -- gosu app /x":                  "app by gosu",
		"/sbin/tini -g -p SIGTERM gosu app /x": "app by gosu",
		"dumb-init --rewrite 15:3 -- su-exec app /x":           "app by su-exec",
		"env -i A=b gosu app /x":                               "app by gosu",
		"nice -n 5 ionice -c2 -n7 timeout -k 5 10 gosu app /x": "app by gosu",
		"setpriv --reuid=1000 --regid 1000 --clear-groups /x":  "1000 by setpriv",
		"setpriv --reuid 0 /x":                                 "root by setpriv",
		"setpriv --no-new-privs /x":                            "root",
		"setpriv --regid=1000 --init-groups /x":                "root",
		"su app -c x":                                          "app by su",
		"su -c x":                                              "root by su",
		"su -c x app":                                          "app by su",
		"su - app -s /bin/sh -c x":                             "app by su",
		"su -s /bin/sh app -- -c x":                            "app by su",
		"su":                                                   "root by su",
		"runuser -u app -- x":                                  "app by runuser",
		"runuser app -c x":                                     "app by runuser",
		"runuser -l app -c x":                                  "app by runuser",
		"sudo x":                                               "root by sudo",
		"sudo -u app x":                                        "app by sudo",
		"sudo -E -u app -- x":                                  "app by sudo",
		"sudo --user=app A=b x":                                "app by sudo",
		"sudo -u root x":                                       "root by sudo",
		"sudo -u #1000 x":                                      "1000 by sudo",
		"doas -u app x":                                        "app by doas",
		"doas x":                                               "root by doas",
		"capsh --user=app -- -c x":                             "app by capsh",
		"capsh --drop=cap_net_raw -- -c x":                     "root",
		"chroot --userspec=app:app / x":                        "app by chroot",
		"chroot / x":                                           "root",
		"start-stop-daemon --start --chuid app --exec /x -- -f": "app by start-stop-daemon",
		"start-stop-daemon --start --exec /x":                   "root",
		"s6-setuidgid app x":                                    "app by s6-setuidgid",
		"chpst -u app x":                                        "app by chpst",
		"chpst -u :1000:1000 -e /env x":                         "1000 by chpst",
		"chpst -e /env x":                                       "root",
		"sh -c exec\\ gosu\\ app\\ x":                           "app by gosu",
		"bash -euo pipefail -c gosu\\ app\\ x":                  "app by gosu",
		"sh -c x\\ &&\\ exec\\ gosu\\ app\\ x":                  "not known: whether sh becomes another user depends on what is only known when it runs",
		"nginx -g daemon\\ off;":                                "nginx by nginx, first",
		"nginx -g user\\ root;\\ daemon\\ off;":                 "root by nginx",
		"apache2-foreground":                                    "www-data by apache2-foreground, first",
		"php-fpm8.2 -F":                                         "www-data by php-fpm8.2, first",
		"memcached -u app":                                      "app by memcached",
		"memcached -uroot":                                      "root by memcached",
		"gunicorn --user app m":                                 "app by gunicorn",
		"gunicorn m":                                            "root",
		"uwsgi --uid=app":                                       "app by uwsgi",
		"mysqld --user=mysql":                                   "mysql by mysqld",
		"dnsmasq -k --user=root":                                "root by dnsmasq",
		"cron -f":                                               "root needs cron",
		"/usr/sbin/sshd -D":                                     "root needs sshd",
		"/sbin/init":                                            "root needs init",
		"/init":                                                 "root needs init",
		"wait-for db:5432 -- gosu app x":                        "app by gosu",
		"echo hello su":                                         "root",
		"gosu app sudo x":                                       "root by sudo",
		"gosu app nice sudo -u other x":                         "other by sudo",
		"gosu app /bin/suid":                                    "root by the set-user-ID bit of suid",
	} {
		var argv []string
		for _, word := range strings.Fields(strings.ReplaceAll(line, `\ `, "\x00")) {
			argv = append(argv, strings.ReplaceAll(word, "\x00", " "))
		}
		if got := show(start.Follow(world(nil, nil), "root", argv)); got != want {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
}

// TestOfAnotherUser: only sudo, doas and the set-user-ID bit get back to root.
func TestOfAnotherUser(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"/x": "app", "sudo /x": "root by sudo", "sudo -u app /x": "app by sudo", "doas /x": "root by doas", "gosu root /x": "app",
		"su -c x": "app", "setpriv --reuid=0 /x": "app", "/bin/suid": "root by the set-user-ID bit of suid", "nginx": "app", "sh /entry": "root by sudo", "sh /helper": "app", "/scripts/sudo": "app",
	} {
		w := world(map[string]string{"entry": "exec sudo -E /x\n", "helper": "sudo chown app /data\nexec /x\n", "sudo": "#!/bin/sh\nexec x\n"}, nil)
		if got := show(start.Follow(w, "app", strings.Fields(line))); got != want {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
		w.NoNewPrivileges = true
		if got := show(start.Follow(w, "app", strings.Fields(line))); got != "app" {
			t.Errorf("%s without new privileges: got %q", line, got)
		}
	}
}
