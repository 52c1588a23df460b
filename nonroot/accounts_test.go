package nonroot_test

import "testing"

// TestWhoANameIs: a name is root where the passwd file of the image says so, and what cannot be seen is said. Engine 20.10
// said the same of those with sed, >>, useradd in a loop and COPY; a file that is mounted it did not read.
func TestWhoANameIs(t *testing.T) { //nolint:funlen // a table of cases
	t.Parallel()
	const build = "services: {web: {build: .}}\n"
	const root, unknown = "D01 error Dockerfile:3", "D18 warning Dockerfile:3"
	for name, c := range map[string]struct{ dockerfile, compose, want string }{
		"nobody":                     {"FROM root:1\nRUN true\nUSER nobody\n", build, ""},
		"nobody who becomes root":    {"FROM root:1\nRUN sed -i \"s/^nobody:x:65534:/nobody:x:0:/\" /etc/passwd\nUSER nobody\n", build, root},
		"a line that is added":       {"FROM root:1\nRUN echo 'app:x:0:0::/:/bin/sh' >>/etc/passwd\nUSER app\n", build, root},
		"a good line that is added":  {"FROM root:1\nRUN echo \"app:x:1000:1000::/:/bin/sh\" >> /etc/passwd\nUSER app\n", build, ""},
		"a line by tee":              {"FROM root:1\nRUN echo app:x:0:0::/: | tee -a /etc/passwd\nUSER app\n", build, root},
		"a line with a variable":     {"FROM root:1\nRUN --network=none echo app:x:${ID}:1::/: >>/etc/passwd\nUSER app\n", "services: {web: {build: {context: ., args: {ID: \"0\"}}}}\n", unknown},
		"a line of a build argument": {"FROM root:1\nARG ID=0\nRUN echo app:x:${ID}:1::/: >>/etc/passwd\nUSER app\n", build, "D01 error Dockerfile:4"},
		"a heredoc":                  {"FROM root:1\nRUN cat >>/etc/passwd <<EOF\napp:x:0:0::/:/bin/sh\nEOF\nUSER app\n", build, "D01 error Dockerfile:5"},
		"newusers":                   {"FROM root:1\nRUN newusers list\nUSER app\n", build, unknown},
		"a loop":                     {"FROM root:1\nRUN for u in app web; do useradd -o -u 0 $u; done\nUSER app\n", build, unknown},
		"a file moved there":         {"FROM root:1\nRUN grep -v x /etc/passwd >/p && mv /p /etc/passwd\nUSER app\n", build, unknown},
		"a file that is only read":   {"FROM root:1\nRUN grep -q app /etc/passwd && cat /etc/passwd >/copy\nUSER app\n", build, ""},
		"a file copied there":        {"FROM root:1\nCOPY bad /etc/passwd\nUSER app\n", build, root},
		"a good file copied there":   {"FROM root:1\nCOPY good /etc/passwd\nUSER app\n", build, ""},
		"a file added there":         {"FROM root:1\nADD bad /etc/passwd\nUSER app\n", build, root},
		"a file that is missing":     {"FROM root:1\nCOPY gone /etc/passwd\nUSER app\n", build, unknown},
		"a file into its folder":     {"FROM root:1\nCOPY tree/etc/passwd /etc/\nUSER app\n", build, root},
		"a tree with it":             {"FROM root:1\nCOPY tree /\nUSER app\n", build, root},
		"a folder with it":           {"FROM root:1\nCOPY tree/etc /etc\nUSER app\n", build, root},
		"a heredoc copied there":     {"FROM root:1\nCOPY <<EOF /etc/passwd\napp:x:0:0::/:/bin/sh\nEOF\nUSER app\n", build, "D01 error Dockerfile:5"},
		"from another stage":         {"FROM root:1\nCOPY --from=other:1 /etc/passwd /etc/passwd\nUSER app\n", build, unknown},
		"from another stage, known":  {"FROM root:1\nCOPY --from=other:1 /etc/passwd /etc/passwd\nRUN useradd -u 5 app\nUSER app\n", build, ""},
		"a line of 00":               {"FROM root:1\nRUN echo 'app:x:00:0::/:' >>/etc/passwd\nUSER app\n", build, root},
		"useradd of 00":              {"FROM root:1\nRUN useradd -o -u 00 app\nUSER app\n", build, root},
		"two lines of a name":        {"FROM root:1\nRUN printf 'app:x:0:0::/:\\napp:x:5:5::/:\\n' >>/etc/passwd\nUSER app\n", build, root},
		"changed after it is known":  {"FROM root:1\nRUN useradd -u 5 app && sed -i s/5/0/ /etc/passwd\nUSER app\n", build, unknown},
		"a folder from elsewhere":    {"FROM root:1\nCOPY --from=other:1 /etc /etc\nUSER app\n", build, unknown},
		"all from elsewhere":         {"FROM root:1\nCOPY --from=other:1 / /\nUSER app\n", build, unknown},
		"a pattern":                  {"FROM root:1\nCOPY passw? /etc/\nUSER app\n", build, unknown},
		"an archive":                 {"FROM root:1\nADD rootfs.tar.gz /\nUSER app\n", build, unknown},
		"a name first":               {"FROM root:1\nRUN useradd app -o -u 0\nUSER app\n", build, root},
		"letters together":           {"FROM root:1\nRUN useradd -mou 0 app\nUSER app\n", build, root},
		"options behind the name":    {"FROM root:1\nRUN useradd --non-unique app --uid=0 -s /bin/sh\nUSER app\n", build, root},
		"usermod behind the name":    {"FROM root:1\nRUN useradd -u 5 app && usermod app -o -u 0\nUSER app\n", build, root},
		"root renamed":               {"FROM root:1\nRUN usermod -l app root\nUSER app\n", build, root},
		"a user renamed":             {"FROM root:1\nRUN useradd -ou 0 a; usermod --login app a\nUSER app\n", build, root},
		"an unknown user renamed":    {"FROM root:1\nRUN usermod -l app other\nUSER app\n", build, unknown},
		"a user with a home":         {"FROM root:1\nRUN useradd -d /home/0 -g 7 -u 5 app\nUSER app\n", build, ""},
		"written in its folder":      {"FROM root:1\nRUN cd /etc && echo app:x:0:0::/: >>passwd\nUSER app\n", build, root},
		"written by WORKDIR":         {"FROM root:1\nWORKDIR /\nWORKDIR etc\nRUN echo app:x:0:0::/: >>./passwd\nUSER app\n", build, "D01 error Dockerfile:5"},
		"copied by WORKDIR":          {"FROM root:1\nWORKDIR /etc\nCOPY bad passwd\nUSER app\n", build, "D01 error Dockerfile:4"},
		"copied to WORKDIR":          {"FROM root:1\nWORKDIR /etc\nCOPY tree/etc/passwd .\nUSER app\n", build, "D01 error Dockerfile:4"},
		"copied to another WORKDIR":  {"FROM root:1\nWORKDIR /srv\nCOPY bad passwd\nUSER app\n", build, ""},
		"a program from elsewhere":   {"FROM root:1\nCOPY --from=other:1 /out/app /\nUSER app\n", build, ""},
		"a number":                   {"FROM root:1\nCOPY --from=other:1 /etc/passwd /etc/passwd\nUSER 5:5\n", build, ""},
		"mounted":                    {"FROM root:1\nRUN true\nUSER app\n", "services: {web: {build: ., volumes: [\"./bad:/etc/passwd:ro\"]}}\n", unknown},
		"mounted, good":              {"FROM root:1\nRUN true\nUSER app\n", "services: {web: {build: ., volumes: [\"./good:/etc/passwd:ro\"]}}\n", ""},
		"mounted with its folder":    {"FROM root:1\nRUN true\nUSER app\n", "services: {web: {build: ., volumes: [\"./tree/etc:/etc:ro\"]}}\n", unknown},
		"mounted from nowhere":       {"FROM root:1\nRUN true\nUSER app\n", "services: {web: {build: ., volumes: [\"./gone:/etc/passwd\"]}}\n", unknown},
		"a volume over its folder":   {"FROM root:1\nRUN true\nUSER app\n", "services: {web: {build: ., volumes: [\"conf:/etc\"]}}\nvolumes: {conf: {}}\n", unknown},
		"a volume elsewhere":         {"FROM root:1\nRUN true\nUSER app\n", "services: {web: {build: ., volumes: [\"conf:/etc/pass\"]}}\nvolumes: {conf: {}}\n", ""},
		"a config":                   {"FROM root:1\nRUN true\nUSER app\n", "services: {web: {build: ., configs: [{source: c, target: /etc/passwd}]}}\nconfigs: {c: {content: \"app:x:0:0::/:\"}}\n", unknown},
		"a secret":                   {"FROM root:1\nRUN true\nUSER app\n", "services: {web: {build: ., secrets: [{source: c, target: /etc/passwd}]}}\nsecrets: {c: {file: ./bad}}\n", unknown},
		"a service's that is lent":   {"FROM root:1\nRUN true\nUSER app\n", "services: {web: {build: ., volumes_from: [b]}, b: {image: \"good:1\", volumes_from: [c]}, c: {image: \"good:1\", volumes: [\"./bad:/etc/passwd\"]}}\n", unknown},
		"user: over it":              {"FROM root:1\nRUN true\nUSER 5:5\n", "services: {web: {build: ., user: app, volumes: [\"./bad:/etc/passwd\"]}}\n", "C14 warning docker-compose.yml:1"},
		"mounted over a known name":  {"FROM root:1\nRUN useradd -u 5 app\nUSER app\n", "services: {web: {build: ., volumes: [\"./bad:/etc/passwd:ro\"]}}\n", unknown},
		"mounted, and root anyway":   {"FROM root:1\nRUN useradd -o -u 0 app\nUSER app\n", "services: {web: {build: ., volumes: [\"./good:/etc/passwd:ro\"]}}\n", root},
		"user: from nowhere":         {"FROM root:1\nRUN true\nUSER 5:5\n", "services: {web: {build: ., user: app, volumes: [\"./gone:/etc/passwd\"]}}\n", "C14 warning docker-compose.yml:1"},
		"an image's user":            {"FROM root:1\n", "services: {web: {image: \"named:1\", volumes: [\"./bad:/etc/passwd\"]}}\n", "C14 warning docker-compose.yml:1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const good, bad = "root:x:0:0::/:\napp:x:5:6::/:\n", "root:x:0:0::/:\napp:x:0:0::/:\n"
			in := open(t, write(t, map[string]string{
				"docker-compose.yml": c.compose, "Dockerfile": c.dockerfile, "good": good, "bad": bad, "tree/etc/passwd": bad,
			}))
			in.Image = images
			if got := show(in.audit(t), "D00", "D01", "D18", "C02", "C14"); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}
