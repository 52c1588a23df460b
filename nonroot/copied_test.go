package nonroot_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
)

// TestVerdictsOfFilesThatAreCopied: the file counts that is at the path which is started, as the build leaves it.
func TestVerdictsOfFilesThatAreCopied(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"a/entry":         "#!/bin/sh\nexec x\n",
		"b/entry":         "#!/bin/sh\nexec gosu app x\n",
		"args":            "#!/bin/sh\n[ $# -gt 0 ] || exec gosu app x\nexec \"$@\"\n",
		"ids":             "#!/bin/sh\nexec gosu \"${PUID:-7}\" x\n",
		"zero.env":        "PUID=0\n",
		"other.env":       "ZERO=0\nPUID=${ZERO}\n",
		"double.env":      "A0=0123456789\n" + doubled(60) + "PUID=0\n",
		"nginx.conf":      "user web;\n",
		"super/main.conf": "[include]\nfiles = x/*.conf\n[program:a]\nuser=app\ncommand=a\n",
	}
	for name, c := range map[string]struct{ dockerfile, service, want string }{
		"of two of a name":                {"COPY a/entry /a/entry\nCOPY b/entry /b/entry\nCMD [\"/a/entry\"]", "", "root"},
		"a folder behind it":              {"COPY a/entry /usr/local/bin/\nCOPY b /srv/\nCMD [\"entry\"]", "", "root"},
		"below WORKDIR":                   {"WORKDIR /a\nCOPY a .\nWORKDIR /b\nCOPY b .\nWORKDIR /a\nCMD [\"./entry\"]", "", "root"},
		"moved":                           {"COPY b/entry /tmp/\nRUN mv /tmp/entry /opt/entry\nCMD [\"/opt/entry\"]", "", "steps down"},
		"a folder of a stage":             {"COPY b /out/\nFROM root:1\nCOPY --from=0 /out /opt\nCMD [\"/opt/entry\"]", "", "steps down"},
		"of a stage that goes on":         {"COPY b /out/\nFROM one AS next\nFROM root:1\nCOPY --from=next /out /opt\nCMD [\"/opt/entry\"]", "", "steps down"},
		"a here-document":                 {"ARG TO=root\nCOPY <<E /entry\n#!/bin/sh\nexec gosu ${TO} x\nE\nCMD [\"/entry\"]", "", "root"},
		"one as it is":                    {"ARG TO=root\nCOPY <<\"E\" /entry\n#!/bin/sh\nexec gosu ${TO:-app} x\nE\nCMD [\"/entry\"]", "", "steps down"},
		"changed":                         {"COPY b/entry /e/entry\nRUN sed -i 's/gosu app//' /e/entry\nCMD [\"/e/entry\"]", "", "not judged"},
		"its line ends":                   {"COPY b/entry /e/entry\nRUN sed -i 's/\\r$//' /e/entry && chmod +x /e/entry\nCMD [\"/e/entry\"]", "", "steps down"},
		"changed by a pattern with |":     {"COPY b/entry /e/entry\nRUN sed -i 's|gosu app||' /e/entry\nCMD [\"/e/entry\"]", "", "not judged"},
		"only made executable":            {"COPY b/entry /e/entry\nRUN echo x >/etc/y && chmod +x /e/entry\nCMD [\"/e/entry\"]", "", "steps down"},
		"files to the root":               {"COPY *.sh /\nCOPY --from=other /etc/nsswitch.conf /etc/\nCMD [\"gosu\", \"app\", \"x\"]", "", "steps down"},
		"changed before":                  {"RUN echo x >/e/entry\nCOPY b/entry /e/entry\nCMD [\"/e/entry\"]", "", "steps down"},
		"written over":                    {"COPY b/entry /e/entry\nRUN echo 'exec x' >/e/entry\nCMD [\"sh\", \"/e/entry\"]", "", "not judged"},
		"a configuration that is changed": {"RUN sed -i 's/^user.*/user root;/' /etc/nginx/nginx.conf\nCMD [\"nginx\"]", "", "not judged"},
		"and for something else":          {"RUN sed -i 's/gzip on/gzip off/' /etc/nginx/nginx.conf\nCMD [\"nginx\"]", "", "steps down"},
		"one that includes others":        {"COPY super/main.conf /etc/supervisord.conf\nCMD [\"supervisord\"]", "", "not judged"},
		"env_file":                        {"COPY ids /ids\nCMD [\"/ids\"]", "env_file: [zero.env]", "root"},
		"env_file of variables":           {"COPY ids /ids\nCMD [\"/ids\"]", "env_file: [other.env]", "root"},
		"one that doubles values":         {"COPY ids /ids\nCMD [\"/ids\"]", "env_file: [double.env]", "root"},
		"a variable over env_file":        {"COPY ids /ids\nCMD [\"/ids\"]", "env_file: [zero.env], environment: {PUID: \"5\"}", "steps down"},
		"a name that is changed":          {"RUN newusers x\nCMD [\"gosu\", \"app\", \"x\"]", "", "not judged"},
		"a name that is known":            {"RUN newusers x\nRUN useradd -u 5 app\nCMD [\"gosu\", \"app\", \"x\"]", "", "steps down"},
		"an empty command":                {"COPY args /args\nENTRYPOINT [\"/args\"]\nCMD [\"x\"]", "command: []", "root"},
		"an empty entrypoint":             {"ENTRYPOINT [\"x\"]\nCMD [\"gosu\", \"app\", \"x\"]", "entrypoint: \"\"", "steps down"},
		"an entrypoint without a command": {"COPY args /args\nCMD [\"x\"]", "entrypoint: [/args]", "steps down"},
		"of a stage, without its CMD":     {"COPY args /args\nCMD [\"x\"]\nFROM one\nENTRYPOINT [\"/args\"]", "", "steps down"},
		"ONBUILD":                         {"CMD [\"gosu\", \"app\", \"x\"]\nONBUILD CMD [\"x\"]\nFROM one", "", "root"},
		"install with a mode":             {"RUN install -m 4755 /x /y\nUSER 5:5\nCMD [\"/y\"]", "", "root"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := maps.Clone(files)
			all["Dockerfile"] = "FROM root:1 AS one\n" + c.dockerfile + "\n"
			all["docker-compose.yml"] = fmt.Sprintf("services: {web: {build: ., %s}}\n", c.service)
			in := open(t, write(t, all))
			in.Image = images
			if v := in.audit(t).Verdicts; len(v) != 1 || string(v[0].Outcome) != c.want {
				t.Errorf("got %+v, want %s", v, c.want)
			}
		})
	}
}

// TestIDsOfADockerfile: a variable that a documented image reads counts in a Dockerfile, too.
func TestIDsOfADockerfile(t *testing.T) {
	t.Parallel()
	for variable, want := range map[string]string{"PUID=0": "root", "PUID=5": "steps down", "OTHER=0": "steps down"} {
		in := open(t, write(t, map[string]string{
			"Dockerfile": "FROM lscr.io/linuxserver/radarr:5\nENV " + variable + "\n", "docker-compose.yml": "services: {web: {build: .}}\n",
		}))
		in.Image = images
		if v := in.audit(t).Verdicts; len(v) != 1 || string(v[0].Outcome) != want {
			t.Errorf("%s: got %+v, want %s", variable, v, want)
		}
	}
}

// doubled are variables, each of which is twice the one before.
func doubled(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "A%d=${A%d}${A%d}\n", i+1, i, i)
	}
	return b.String()
}
