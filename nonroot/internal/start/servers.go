package start

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// needRoot are programs that only work as root, or lose what they are for as another user: they start processes for other users, or manage the machine.
var needRoot = map[string]bool{
	"cron": true, "crond": true, "anacron": true, "fcron": true, "sshd": true, "systemd": true, "openrc-init": true, "runit-init": true, "dockerd": true,
	"containerd": true, "dockerd-entrypoint.sh": true, "vsftpd": true, "proftpd": true, "pure-ftpd": true, "smbd": true, "nfsd": true, "dovecot": true, "master": true,
	"postfix": true, "exim": true, "exim4": true, "openvpn": true, "pppd": true, "rsyslogd": true, "syslog-ng": true, "fail2ban-server": true, "keepalived": true, "xinetd": true, "inetd": true,
	"strongswan": true, "ipsec": true, "charon": true, "hostapd": true, "dhcpd": true, "wg-quick": true, "tailscaled": true, "kubelet": true, "cupsd": true,
}

// supervisors start the services that are copied in for them.
var supervisors = map[string]bool{"s6-svscan": true, "runsvdir": true, "my_init": true, "runit": true}

// server follows a program that, started as root, becomes another user by itself or by what its configuration says.
type server func(f *follower, name string, args []string) End

// servers are those whose user is told here by their arguments and files. Sources: their manuals.
var servers = map[string]server{
	"nginx": nginx, "nginx-debug": nginx, "openresty": nginx, "tengine": nginx, "freenginx": nginx,
	"httpd": by("www-data"), "httpd-foreground": by("www-data"), "apache2": by("www-data"), "apache2-foreground": by("www-data"), "apache2ctl": by("www-data"),
	"apachectl": by("www-data"), "squid": by("proxy"), "varnishd": by("vcache"), "unbound": by("unbound"), "dnsmasq": optional("dnsmasq", "u", "user"),
	"rabbitmq-server": by("rabbitmq"), "named": optional("", "u", ""), "memcached": optional("", "u", "user"), "chronyd": optional("", "u", "user"),
	"uwsgi": uwsgi, "gunicorn": optional("", "u", "user"), "mysqld": optional("", "", "user"), "mariadbd": optional("", "", "user"),
	"mysqld_safe": optional("mysql", "", "user"), "mariadbd-safe": optional("mysql", "", "user"), "haproxy": configured(""), "mosquitto": configured("mosquitto"),
}

// serverOf is the server of a program's name; PHP's has its version in it.
func serverOf(name string) (server, bool) {
	if strings.HasPrefix(name, "php-fpm") {
		return phpFPM, true
	}
	s, ok := servers[name]
	return s, ok
}

// by is a server that becomes a user without being told.
func by(user string) server {
	return func(f *follower, name string, _ []string) End { return f.master(user, name) }
}

// optional is a server that takes its user from an option, and becomes another one without it where that is not "".
func optional(without, short, long string) server {
	return func(f *follower, name string, args []string) End {
		for i, arg := range args {
			for _, option := range []string{"-" + short, "--" + long} {
				value, given := strings.CutPrefix(arg, option+"=")
				if !given && arg == option && len(option) > 1 && i+1 < len(args) {
					value, given = args[i+1], true
				}
				if !given && short != "" && option == "-"+short && !strings.HasPrefix(arg, "--") {
					value, given = strings.CutPrefix(arg, option)
					given = given && value != ""
				}
				if given {
					return f.becomes(value, name)
				}
			}
		}
		if without != "" {
			return f.becomes(without, name)
		}
		return End{User: Root}
	}
}

// master is the end of a server whose first process stays root.
func (f *follower) master(user, name string) End {
	end := f.becomes(user, name)
	end.First = end.User != Root
	return end
}

var (
	nginxUser  = regexp.MustCompile(`(?m)(?:^|[;\s])user\s+([\w.$-]+)[^;]*;`)
	iniUser    = regexp.MustCompile(`(?m)^\s*(?:user|uid)\s*[=:]?\s*["']?([\w.$-]+)`)
	lineUser   = regexp.MustCompile(`(?m)^\s*(?:user|uid)\s+([\w.-]+)`)
	iniSection = regexp.MustCompile(`(?m)^\[([^\]]+)\]`)
	iniInclude = regexp.MustCompile(`(?m)^\[include\]`)
	iniCommand = regexp.MustCompile(`(?m)^\s*command\s*=\s*(.+)$`)
	yamlUWSGI  = regexp.MustCompile(`(?m)^\s*uid\s*[:=]\s*["']?([\w.-]+)`)
	poolFiles  = []string{"/usr/local/etc/php-fpm.d/www.conf", "www.conf", "/usr/local/etc/php-fpm.d/zz-docker.conf"}
	superFiles = []string{"/etc/supervisord.conf", "/etc/supervisor/supervisord.conf", "/etc/supervisor/conf.d/supervisord.conf", "supervisord.conf"}
)

func nginx(f *follower, name string, args []string) End {
	conf := "/etc/nginx/nginx.conf"
	for i, arg := range args {
		if arg == "-c" && i+1 < len(args) {
			conf = args[i+1]
		}
		if arg == "-g" && i+1 < len(args) {
			if m := nginxUser.FindStringSubmatch(args[i+1]); m != nil {
				return f.master(m[1], name)
			}
		}
	}
	if end, ok := f.written(conf); ok {
		return end
	}
	text, ok := f.File(conf)
	if m := nginxUser.FindStringSubmatch(commentPattern.ReplaceAllString(text, "")); ok && m != nil {
		return f.master(m[1], name)
	}
	return f.master("nginx", name)
}

// configured is a server that takes its user from a line of its configuration, and becomes another one without it where that is not "".
func configured(without string) server {
	return func(f *follower, name string, args []string) End {
		for i, arg := range args {
			if (arg != "-f" && arg != "-c") || i+1 >= len(args) {
				continue
			}
			if end, ok := f.written(args[i+1]); ok {
				return end
			}
			if text, ok := f.File(args[i+1]); ok {
				if m := lineUser.FindStringSubmatch(text); m != nil {
					return f.becomes(m[1], name)
				}
			}
		}
		if without != "" {
			return f.becomes(without, name)
		}
		return End{User: Root}
	}
}

func phpFPM(f *follower, name string, _ []string) End {
	for _, file := range poolFiles {
		if end, ok := f.written(file); ok {
			return end
		}
		if text, ok := f.File(file); ok {
			for line := range strings.SplitSeq(text, "\n") {
				if m := iniUser.FindStringSubmatch(line); m != nil && !strings.HasPrefix(strings.TrimSpace(line), ";") {
					return f.master(m[1], name)
				}
			}
		}
	}
	return f.master("www-data", name)
}

func uwsgi(f *follower, name string, args []string) End {
	if end := optional("", "", "uid")(f, name, args); end.By != "" {
		return end
	}
	for _, arg := range args {
		for _, word := range strings.Split(arg, "=") {
			if text, ok := f.File(word); ok {
				if m := yamlUWSGI.FindStringSubmatch(text); m != nil {
					return f.becomes(m[1], name)
				}
			}
		}
	}
	return End{User: Root}
}

// supervisord runs as root, and its programs as who its configuration says.
func (f *follower) supervisord(name string, args []string, depth int) End {
	files := superFiles
	values, _ := Options(args, "cueyzlsdjimqa", "configuration", "user")
	for _, option := range []string{"u", "user"} {
		if user := values[option]; user != "" {
			return f.becomes(user, name)
		}
	}
	for _, option := range []string{"c", "configuration"} {
		if file := values[option]; file != "" {
			files = []string{file}
		}
	}
	at := slices.IndexFunc(files, func(file string) bool { _, ok := f.File(file); return ok })
	if at < 0 {
		return End{User: Root, NeedsRoot: name}
	}
	text, _ := f.File(files[at])
	if len(text) > maxConfig {
		return End{Why: "the configuration of " + name + " is too large"}
	}
	if end, ok := f.written(files[at]); ok {
		return end
	}
	var ends []End
	sections := iniSection.FindAllStringSubmatchIndex(text, -1)
	for i, m := range sections {
		end := len(text)
		if i+1 < len(sections) {
			end = sections[i+1][0]
		}
		title, body := text[m[2]:m[3]], text[m[1]:end]
		user := ""
		if u := iniUser.FindStringSubmatch(body); u != nil {
			user = u[1]
		}
		if title == "supervisord" && user != "" && !f.IsRoot(user) {
			return f.becomes(user, name)
		}
		if kind, _, _ := strings.Cut(title, ":"); kind != "program" && kind != "fcgi-program" && kind != "eventlistener" {
			continue
		}
		if user != "" {
			ends = append(ends, f.becomes(user, name))
			continue
		}
		if c := iniCommand.FindStringSubmatch(body); c != nil {
			ends = append(ends, f.text(c[1], path.Base(files[at]), "sh", nil, Root, depth+1))
		}
	}
	if len(ends) == 0 {
		return End{User: Root, NeedsRoot: name}
	}
	end := worst(ends)
	if end.First = end.User != Root; end.First && iniInclude.MatchString(text) {
		return End{Why: "the configuration of " + name + " includes other files"}
	}
	if end.User == Root {
		end.NeedsRoot = name
	}
	return end
}

// execline finds the tool that changes the user in a script whose commands are one after the other. Those in braces run apart.
func (f *follower) execline(text, user string, depth int) End {
	words := strings.Fields(commentPattern.ReplaceAllString(text, ""))
	nested := 0
	for i, word := range words {
		switch word {
		case "{":
			nested++
		case "}":
			nested--
		}
		if _, ok := droppers[path.Base(word)]; ok && nested == 0 {
			return f.program(words[i:], user, depth+1)
		}
	}
	return End{User: user}
}

// supervised follows the services of a supervisor, and the command that it is given.
func (f *follower) supervised(name string, args []string, user string, depth int) End {
	var ends []End
	for _, text := range f.Services() {
		ends = append(ends, f.file("run", text, nil, user, depth+1))
	}
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") && name == "init" {
		ends = append(ends, f.program(args, user, depth+1))
	}
	if len(ends) == 0 {
		return End{User: user, NeedsRoot: name}
	}
	end := worst(ends)
	end.First = end.User != Root
	if end.User == Root && end.NeedsRoot == "" {
		end.NeedsRoot = name
	}
	return end
}
