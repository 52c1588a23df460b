package nonroot_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/im2-audio/im2/nonroot"
)

// TestVerdicts: each service has one, and what cannot be told is said.
func TestVerdicts(t *testing.T) { //nolint:funlen // a table of cases
	t.Parallel()
	for name, c := range map[string]struct{ dockerfile, service, want string }{
		"user":                   {"", "{image: \"root:1\", user: \"7:8\"}", "non-root 7:8"},
		"user root":              {"", "{image: \"good:1\", user: root}", "root 0:0"},
		"an image":               {"", "{image: \"good:1\"}", "non-root 7:8"},
		"an image of root":       {"", "{image: \"root:1\"}", "root 0:0"},
		"an image of a name":     {"", "{image: \"named:1\"}", "non-root app:?"},
		"an image that drops":    {"", "{image: \"redis:8\"}", "steps down 0:0"},
		"that does not":          {"", "{image: \"redis:8\", entrypoint: [sh]}", "root 0:0"},
		"a documented one":       {"", "{image: \"postgres:17\"}", "steps down 0:0"},
		"a documented system":    {"", "{image: \"alpine:3\"}", "root 0:0"},
		"that starts a dropper":  {"", "{image: \"alpine:3\", command: [su-exec, app, x]}", "steps down 0:0"},
		"another command of one": {"", "{image: \"postgres:17\", command: [sh, -c, psql]}", "root 0:0"},
		"its flags":              {"", "{image: \"postgres:17-alpine\", command: [-c, fsync=off]}", "steps down 0:0"},
		"a first process":        {"", "{image: nginx}", "steps down 0:0"},
		"of another program":     {"", "{image: nginx, command: [sh]}", "root 0:0"},
		"a supervised one":       {"", "{image: \"lscr.io/linuxserver/radarr:5\"}", "steps down 0:0"},
		"with its ID":            {"", "{image: \"lscr.io/linuxserver/radarr:5\", environment: {PUID: \"1000\"}}", "steps down 0:0"},
		"with root's":            {"", "{image: \"lscr.io/linuxserver/radarr:5\", environment: [PUID=0]}", "root 0:0"},
		"told to stay":           {"", "{image: \"redis:7\", environment: {SKIP_DROP_PRIVS: \"1\"}}", "not judged 0:0"},
		"user: over one":         {"", "{image: \"postgres:17\", user: postgres}", "non-root postgres:?"},
		"user: root over one":    {"", "{image: \"postgres:17\", user: root}", "steps down 0:0"},
		"sudo":                   {"", "{image: \"good:1\", command: [sudo, x]}", "root 7:8"},
		"sudo that is forbidden": {"", "{image: \"good:1\", command: [sudo, x], security_opt: [\"no-new-privileges:true\"]}", "non-root 7:8"},
		"set-user-ID":            {"FROM good:1\nUSER root\nRUN chmod 4755 /x\nUSER 7:8\nCMD [\"/x\"]\n", "{build: .}", "root 7:8"},
		"SHELL":                  {"FROM good:1\nSHELL [\"sudo\", \"sh\", \"-c\"]\nCMD x\n", "{build: .}", "root 7:8"},
		"an unread script":       {"FROM root:1\nRUN [ -f /x ] && echo 'exec gosu app \"$@\"' >/start; chmod +x /start\nCMD [\"/start\"]\n", "{build: .}", "not judged 0:0"},
		"nginx as ENTRYPOINT":    {"FROM nginx\nENTRYPOINT [\"nginx\", \"-g\", \"daemon off;\"]\n", "{build: .}", "steps down 0:0"},
		"gosu, only installed":   {"FROM debian\nRUN apt-get install -y gosu\nCMD [\"/x\"]\n", "{build: .}", "root 0:0"},
		"gosu root":              {"FROM debian\nCMD [\"gosu\", \"root\", \"/x\"]\n", "{build: .}", "root 0:0"},
		"a database's base":      {"FROM postgres:17\nRUN true\n", "{build: .}", "steps down 0:0"},
		"with another command":   {"FROM postgres:17\nCMD [\"sh\"]\n", "{build: .}", "root 0:0"},
		"documented, non-root":   {"", "{image: \"gcr.example/distroless/static:nonroot\"}", "non-root 65532:65532"},
		"an image that is away":  {"", "{image: \"other:1\"}", "not judged "},
		"a build":                {"FROM root:1\nUSER 5:6\n", "{build: .}", "non-root 5:6"},
		"a build of root":        {"FROM root:1\n", "{build: .}", "root 0:0"},
		"a build that drops":     {"FROM root:1\nENTRYPOINT [\"gosu\", \"app\", \"/x\"]\n", "{build: .}", "steps down 0:0"},
		"a build of the base's":  {"FROM good:1\n", "{build: .}", "non-root 7:8"},
		"an unknown base":        {"FROM other:1\n", "{build: .}", "not judged "},
		"no Dockerfile":          {"", "{build: ./gone}", "not judged "},
		"a broken one":           {"FRM x\n", "{build: .}", "not judged "},
		"a changed passwd file":  {"FROM root:1\nRUN newusers x\nUSER app\n", "{build: .}", "not judged app"},
		"a provider":             {"", "{provider: {type: cloud}}", "not judged "},
		"must be set":            {"", "{image: \"root:1\", user: \"${NEED:?x}:5\"}", "not judged "},
		"a profile":              {"", "{image: \"good:1\", profiles: [p]}", "non-root 7:8"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{"docker-compose.yml": "services: {web: " + c.service + "}\n"}
			if c.dockerfile != "" {
				files["Dockerfile"] = c.dockerfile
			}
			in := open(t, write(t, files))
			in.Image = images
			report := in.audit(t)
			var got []string
			for _, v := range report.Verdicts {
				got = append(got, fmt.Sprintf("%s %s %s", v.Service, v.Outcome, v.User))
				if v.Why == "" || report.Judged(v.Outcome) != 1 {
					t.Errorf("%+v", v)
				}
			}
			if strings.Join(got, "\n") != "web "+c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// What is known of the names of an image goes with it to those who use it.
func TestVerdictsOfImagesOfOtherServices(t *testing.T) {
	t.Parallel()
	in := open(t, write(t, map[string]string{
		"docker-compose.yml": `services:
  a: {image: mine, build: {context: ., dockerfile_inline: "FROM root:1\nRUN useradd -o -u 0 app\nUSER app\n"}}
  b: {image: mine}
  c: {image: mine, user: app}
  d: {build: {context: ., dockerfile_inline: "FROM mine\nUSER app\n"}}
  e: {build: {context: ., dockerfile_inline: "FROM base\nUSER app\n", additional_contexts: {base: "service:a"}}}
  f: {image: changed, build: {context: ., dockerfile_inline: "FROM root:1\nRUN newusers x\nUSER app\n"}}
  g: {image: changed}
`,
	}))
	in.Image = images
	for _, v := range in.audit(t).Verdicts {
		want := nonroot.Root
		if v.Service == "f" || v.Service == "g" {
			want = nonroot.NotJudged
		}
		if v.Outcome != want {
			t.Errorf("%+v; want %s", v, want)
		}
	}
}

// TestImagesThatTwoServicesBuild: whichever is built last is what both run.
func TestImagesThatTwoServicesBuild(t *testing.T) {
	t.Parallel()
	for range 5 { // in whatever order
		in := open(t, write(t, map[string]string{
			"docker-compose.yml": `services:
  a: {image: mine, build: {context: ., dockerfile_inline: "FROM root:1\nUSER 5:5\n"}}
  b: {image: mine, build: {context: ., dockerfile_inline: "FROM root:1\n"}}
  c: {image: mine}
  d: {image: mine, user: "5:5"}
  e: {image: "two:1", build: {context: ., dockerfile_inline: "FROM root:1\nUSER 5:5\n"}}
  f: {image: "two:1", build: {context: ., dockerfile_inline: "FROM root:1\nUSER 6:6\n"}}
`,
		}))
		in.Image = images
		var got []string
		for _, v := range in.audit(t).Verdicts {
			got = append(got, fmt.Sprintf("%s %s", v.Service, v.Outcome))
		}
		const want = "a not judged, b root, c not judged, d non-root, e non-root, f non-root"
		if strings.Join(got, ", ") != want {
			t.Errorf("got %s, want %s", strings.Join(got, ", "), want)
		}
	}
}

func TestWithout(t *testing.T) {
	t.Parallel()
	a := nonroot.Finding{Rule: "D01", File: "Dockerfile", Message: "root", Line: 3, Services: []string{"web"}}
	moved, other, twice := a, a, a
	moved.Line, other.Services = 9, []string{"db"}
	r := nonroot.Report{Findings: []nonroot.Finding{moved, other, twice}}
	left := r.Without([]nonroot.Finding{a})
	if len(left.Findings) != 2 || left.Baseline != 1 || left.Findings[0].Services[0] != "db" || len(r.Findings) != 3 {
		t.Errorf("left is %+v", left)
	}
	if all := r.Without(nil); len(all.Findings) != 3 || all.Baseline != 0 {
		t.Errorf("without nothing is %+v", all)
	}
}
