package nonroot_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/im2-audio/im2/internal/policy"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/nonroot"
)

// own begins a Compose file of a project that follows our conventions.
const own = "x-im2: {data: ./data}\n"

const goodEnv = "APP_USER_ID=1000\nAPP_GROUP_ID=1000\n"

// write makes the files in a new folder and returns it.
func write(tb testing.TB, files map[string]string) string {
	tb.Helper()
	root, err := filepath.EvalSymlinks(tb.TempDir())
	if err != nil {
		tb.Fatal(err)
	}
	for name, text := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	return root
}

// input is a project to be checked.
type input struct {
	*types.Project
	nonroot.Options
}

func (in input) audit(tb testing.TB) nonroot.Report {
	tb.Helper()
	report, err := nonroot.Audit(tb.Context(), in.Project, in.Options)
	if err != nil {
		tb.Fatal(err)
	}
	return report
}

func open(tb testing.TB, root string, environ ...string) input {
	tb.Helper()
	p, problems, err := project.Examine(tb.Context(), root, environ)
	if err != nil {
		tb.Fatal(err)
	}
	return input{p.Compose, policy.Audit(p, problems)}
}

// audit checks files.
func audit(tb testing.TB, files map[string]string, environ ...string) nonroot.Report {
	tb.Helper()
	return open(tb, write(tb, files), environ...).audit(tb)
}

// show is "RULE severity FILE:LINE", one a line, of the given rules or of all.
func show(r nonroot.Report, rules ...string) string {
	var lines []string
	for _, f := range r.Findings {
		if len(rules) == 0 || slices.Contains(rules, f.Rule) {
			lines = append(lines, fmt.Sprintf("%s %s %s:%d", f.Rule, f.Level, f.File, f.Line))
		}
	}
	return strings.Join(lines, "\n")
}

// images are those that are "here" in these tests.
func images(name string) (nonroot.Image, bool) {
	switch name {
	case "root:1", "redis:8":
		return nonroot.Image{}, true
	case "named:1":
		return nonroot.Image{User: "app"}, true
	case "good:1":
		return nonroot.Image{User: "7:8"}, true
	}
	return nonroot.Image{}, false
}

// TestGoldenCases are those of which other tools miss most, or raise a false alarm.
func TestGoldenCases(t *testing.T) { //nolint:funlen // a table of cases
	t.Parallel()
	const build = "services: {web: {build: .}}\n"
	cases := []struct{ name, dockerfile, compose, want string }{
		{"last USER root", "FROM root:1\nUSER 1\nUSER root\n", build, "D01 error Dockerfile:3"},
		{"USER 0", "FROM root:1\nUSER 0\n", build, "D01 error Dockerfile:2"},
		{"USER 0:0", "FROM root:1\nUSER 0:0\n", build, "D01 error Dockerfile:2"},
		{"USER root:root", "FROM root:1\nUSER root:root\n", build, "D01 error Dockerfile:2"},
		{"USER 00", "FROM root:1\nUSER 00\n", build, "D01 error Dockerfile:2"},
		{"USER +0", "FROM root:1\nUSER +0\n", build, "D01 error Dockerfile:2"},
		{"no USER, root base", "FROM root:1\nRUN true\n", build, "D01 error Dockerfile:1"},
		{"no USER, well-known root base", "FROM debian:trixie-slim\nRUN true\n", build, "D01 error Dockerfile:1"},
		{"no USER, non-root base", "FROM good:1\n", build, ""},
		{"no USER, unknown base", "FROM other:1\n", build, "D18 note Dockerfile:1"},
		{"USER only in builder stage", "FROM root:1 AS b\nUSER 1000:1000\nFROM root:1\nCOPY --from=b /x /x\n", build, "D01 error Dockerfile:3"},
		{"builder ends as root, final non-root", "FROM root:1 AS b\nUSER root\nFROM root:1\nCOPY --from=b /x /x\nUSER 1000:1000\n", build, ""},
		{"FROM stage inherits non-root USER", "FROM root:1 AS b\nUSER 1000:1000\nFROM b\nRUN true\n", build, ""},
		{"${UID} empty", "FROM root:1\nARG UID\nUSER ${UID}\n", build, "D02 error Dockerfile:3"},
		{"${UID}:${GID} empty", "FROM root:1\nUSER ${UID}:${GID}\n", build, "D02 error Dockerfile:2"},
		{"an argument that Compose makes empty", "FROM root:1\nARG UID=5\nUSER ${UID}:5\n", "services: {web: {build: {context: ., args: {UID: \"${NOWHERE}\"}}}}\n", "D02 error Dockerfile:3\nC03 error docker-compose.yml:1"},
		{"name whose passwd UID is 0", "FROM root:1\nRUN useradd -o -u 0 toor\nUSER toor\n", build, "D01 error Dockerfile:3"},
		{"user 0:0 over a good image", "FROM root:1\nUSER 1000:1000\n", "services: {web: {build: ., user: \"0:0\"}}\n", "C02 error docker-compose.yml:1"},
		{"USER 4242, not in passwd", "FROM root:1\nUSER 4242\n", build, "D03 note Dockerfile:2"},
		// What is right must pass.
		{"USER node", "FROM node:22\nUSER node\n", build, ""},
		{"USER nobody", "FROM alpine:3\nUSER nobody\n", build, ""},
		{"USER nobody:nogroup", "FROM alpine:3\nUSER nobody:nogroup\n", build, ""},
		{"distroless nonroot", "FROM gcr.example/distroless/static:nonroot\nCOPY x /\n", build, ""},
		{"user over a root image", "FROM root:1\n", "services: {web: {build: ., user: \"1000:1000\"}}\n", ""},
		{"user with defaults over a root image", "FROM root:1\n", "services: {web: {build: ., user: \"${UID:-1000}:${GID:-1000}\"}}\n", ""},
		{"user that the environment gives", "FROM root:1\n", "services: {web: {build: ., user: \"${MY_ID}:${MY_ID}\"}}\n", "C03 note docker-compose.yml:1"},
		{"user: \"1000\"", "FROM root:1\n", "services: {web: {build: ., user: \"1000\"}}\n", "C15 note docker-compose.yml:1"},
		{"UID and GID that nobody sets", "FROM root:1\n", "services: {web: {build: ., user: \"${UID}:${GID}\"}}\n", "C03 error docker-compose.yml:1"},
		{"no replicas", "FROM root:1\n", "services: {web: {build: ., scale: 0}, two: {build: ., deploy: {replicas: 0}}}\n", "D01 warning Dockerfile:1"},
		{"replicas of one of two", "FROM root:1\n", "services: {web: {build: ., scale: 0}, two: {build: ., scale: 2}}\n", "D01 error Dockerfile:1\nD01 warning Dockerfile:1"},
		{"a variable that must be set", "FROM root:1\n", "services: {web: {build: ., user: \"${UID:?}:${GID:?}\"}}\n", "C14 note docker-compose.yml:1\nE01 note docker-compose.yml:1\nE01 note docker-compose.yml:1"},
		{"a default that can be empty", "FROM root:1\n", "services: {web: {build: ., user: \"${UID:-}:${GID:-$GROUP}\"}}\n", "C03 error docker-compose.yml:1"},
		{"a default of a default", "FROM root:1\n", "services: {web: {build: ., user: \"${UID:-${ALSO:-7}}:1\"}}\n", ""},
		{"an image that is not available locally", "FROM root:1\nUSER 1:1\n", "services: {web: {build: .}, db: {image: \"db:1\"}}\n", "C14 note docker-compose.yml:1"},
		{"an image that is here and drops root itself", "FROM root:1\nUSER 1:1\n", "services: {db: {image: \"redis:8\"}}\n", "C14 note docker-compose.yml:1"},
		{"a target", "FROM root:1 AS a\nUSER 1:1\nFROM a\nUSER 0\n", "services: {web: {build: {context: ., target: a}}}\n", ""},
		{"another service's image as base", "FROM demo-base\nRUN true\n", "name: demo\nservices: {web: {build: .}, base: {build: {context: ., dockerfile_inline: \"FROM root:1\\nUSER 1:1\\n\"}}}\n", ""},
		{"another service's image that is root", "FROM mybase:latest\nRUN true\n", "services: {web: {build: .}, base: {image: mybase, build: {context: ., dockerfile_inline: \"FROM root:1\\n\"}}}\n", "D01 error Dockerfile:1\nD01 error docker-compose.yml:1"},
		{"a service as named context", "FROM base\n", "services: {web: {build: {context: ., additional_contexts: {base: service:first}}}, first: {build: {context: ., dockerfile_inline: \"FROM root:1\\nUSER 5:5\\n\"}}}\n", ""},
		{"services that are each other's base", "FROM a-b\n", "name: a\nservices: {a: {build: ., image: a-a}, b: {build: {context: ., dockerfile_inline: \"FROM a-a\\n\"}}}\n", "D18 note Dockerfile:1\nD18 note docker-compose.yml:2"},
		{"gosu", "FROM root:1\nENTRYPOINT [\"gosu\", \"app\", \"/x\"]\n", build, "D11 warning Dockerfile:1"},
		{"USER of a variable that only the base can have set", "FROM other:1\nUSER root\nRUN true\nUSER $ITS_USER\n", build, "D18 note Dockerfile:4"},
		{"the same where the file declares it", "FROM other:1\nARG ITS_USER\nUSER $ITS_USER\n", build, "D02 error Dockerfile:3"},
		{".NET's own user", "FROM mcr.microsoft.com/dotnet/aspnet:9.0\nUSER root\nRUN true\nUSER $APP_UID\n", build, ""},
		{".NET without it", "FROM mcr.microsoft.com/dotnet/aspnet:9.0-alpine\nCOPY x /\n", build, "D01 error Dockerfile:1"},
		{".NET before it", "FROM mcr.microsoft.com/dotnet/aspnet:6.0\nUSER $APP_UID\n", build, "D02 error Dockerfile:2"},
		{".NET, small", "FROM mcr.microsoft.com/dotnet/runtime:8.0-jammy-chiseled\nCOPY x /\n", build, ""},
		{".NET for Windows", "FROM mcr.microsoft.com/dotnet/aspnet:9.0-nanoserver-ltsc2022\n", build, "D18 note Dockerfile:1"},
		{"a notebook", "FROM quay.io/jupyter/scipy-notebook:2024\nUSER root\nRUN true\nUSER ${NB_UID}\n", build, ""},
		{"a notebook as it is", "FROM jupyter/base-notebook:2023\n", build, ""},
		{"a trigger of a stage before", "FROM root:1 AS b\nONBUILD USER 7:7\nFROM b\n", build, ""},
		{"a trigger that makes it root", "FROM good:1 AS b\nRUN true\nONBUILD USER root\nFROM b\n", build, "D01 error Dockerfile:3"},
		{"a database that steps down", "FROM postgres:16\nUSER root\nRUN true\n", build, "D11 warning Dockerfile:2"},
		{"a server that does, but for its first process", "FROM nginx:alpine\nCOPY x /\n", build, "D11 warning Dockerfile:1"},
		{"a database that is started otherwise", "FROM postgres:16\nENTRYPOINT [\"/other\"]\n", build, "D01 error Dockerfile:1"},
		{"a database that a script starts", "FROM postgres:16\nCOPY wrap.sh /\nENTRYPOINT [\"/wrap.sh\"]\n", build, "D11 warning Dockerfile:1"},
		{"a user of its own", "FROM postgres:16\nUSER postgres\n", build, ""},
		{"sudo in a script", "FROM root:1\nCOPY sudo.sh /go\nENTRYPOINT /go now\n", build, "D11 warning Dockerfile:1"},
		{"a script of a copied folder", "FROM root:1\nCOPY tree/ /usr/\nCMD [\"/usr/bin/entry\"]\n", build, "D11 warning Dockerfile:1"},
		{"services of an init", "FROM root:1\nCOPY tree /\nENTRYPOINT [\"/init\"]\n", build, "D11 warning Dockerfile:1"},
		{"a script that is not what starts", "FROM root:1\nCOPY entry.sh /unused.sh\nCMD [\"serve\"]\n", build, "D01 error Dockerfile:1"},
		{"a script that only talks of it", "FROM root:1\nCOPY talk.sh /\nCMD [\"/talk.sh\"]\n", build, "D01 error Dockerfile:1"},
		{"an entrypoint that Compose takes away", "FROM root:1\nCOPY entry.sh /\nENTRYPOINT [\"/entry.sh\"]\n", "services: {web: {build: ., entrypoint: [serve]}}\n", "D01 error Dockerfile:1"},
		{"a user that is created with a variable's ID", "FROM root:1\nARG U=6\nENV N=app\nRUN useradd -N -u ${U} $N\nUSER ${U}\n", build, "D02 note Dockerfile:5"},
		{"a user that is root by a variable's name", "FROM root:1\nENV N=boss\nRUN useradd -o -u 0 $N\nUSER $N\n", build, "D01 error Dockerfile:4"},
		{"group 0 by name and number", "FROM root:1\nUSER 5:0\n", "services: {web: {build: .}, other: {build: ., user: \"5:root\"}}\n", "D03 note Dockerfile:2\nC15 note docker-compose.yml:1"},
		{"no value for what must have one", "FROM root:1\nUSER 5:5\n", "services: {web: {build: ., user: \"${NOWHERE}:${NOWHERE}\", volumes: [\"${NOWHERE}:/x\"]}}\n", "C03 error docker-compose.yml:1\nE01 note docker-compose.yml:1"},
		{"gosu in a script", "FROM root:1\nCOPY entry.sh /\nENTRYPOINT [\"/entry.sh\"]\n", build, "D11 warning Dockerfile:1"},
		{"a profile that is not in force", "FROM root:1\n", "services: {web: {build: ., profiles: [debug]}}\n", "D01 warning Dockerfile:1"},
		{"a Dockerfile that is not here", "FROM root:1\nUSER 1:1\n", "services: {web: {build: ./elsewhere}}\n", "D00 warning docker-compose.yml:1"},
		{"a context that is elsewhere", "FROM root:1\nUSER 1:1\n", "services: {web: {build: \"https://git.example/x.git\"}}\n", "D00 warning docker-compose.yml:1"},
		{"Windows", "FROM python:3-nanoserver\n", build, "D18 note Dockerfile:1"},
		{"ENV keeps a variable", "FROM root:1\nENV U=5\nUSER ${U}:${U}\n", build, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in := open(t, write(t, map[string]string{
				"Dockerfile": c.dockerfile, "docker-compose.yml": c.compose, "entry.sh": "#!/bin/sh\nexec gosu app \"$@\"\n",
				"sudo.sh": "#!/bin/sh\nexec sudo -E -u app \"$@\"\n", "talk.sh": "#!/bin/sh\n  # no gosu here\nexec serve\n", "wrap.sh": "#!/bin/sh\nexec docker-entrypoint.sh postgres\n",
				"tree/bin/entry": "#!/bin/sh\nexec su-exec app \"$@\"\n", "tree/etc/services.d/app/run": "#!/usr/bin/execlineb\ns6-setuidgid app /serve\n",
			}), "MY_ID=5")
			in.Image = images
			got := show(in.audit(t), "D00", "D01", "D02", "D03", "D04", "D05", "D11", "D18", "C02", "C03", "C14", "C15", "E01")
			if !sameLines(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func sameLines(a, b string) bool {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}

// files are the project of a rule's example.
func files(rule nonroot.Rule, example string) map[string]string {
	all := map[string]string{
		"Dockerfile": "FROM debian:trixie-slim\nARG USER_ID=1000\nARG GROUP_ID=1000\nUSER ${USER_ID:?}:${GROUP_ID:?}\n",
		"docker-compose.yml": own + `services:
  web:
    build: .
    volumes: [{type: bind, source: ./data, target: /data, bind: {create_host_path: false}}]
`,
		".env": goodEnv,
	}
	switch {
	case rule.ID == "R01":
		all["Dockerfile"] = "FROM debian:trixie-slim\nCOPY . /x\nUSER 1000:1000\n"
		all[".dockerignore"] = example
	case rule.ID[0] == 'C':
		all["docker-compose.yml"] = own + example
	case rule.ID[0] == 'E':
		all[".env"] = example
	default:
		all["Dockerfile"] = example
	}
	return all
}

// examples are those of the rules, as "D01/wrong" and "D01/right".
func examples(tb testing.TB) map[string]string {
	tb.Helper()
	archive, err := txtar.ParseFile(filepath.Join("testdata", "rules.txtar"))
	if err != nil {
		tb.Fatal(err)
	}
	all := make(map[string]string)
	for _, f := range archive.Files {
		all[f.Name] = string(f.Data)
	}
	return all
}

// TestEveryRuleHasBothExamples audits the examples that the documentation shows.
func TestEveryRuleHasBothExamples(t *testing.T) {
	t.Parallel()
	examples := examples(t)
	for _, rule := range nonroot.Rules() {
		if rule.ID[0] == 'K' { // in package kubernetes, which knows manifests, and in internal/cluster
			continue
		}
		t.Run(rule.ID, func(t *testing.T) {
			t.Parallel()
			var environ []string
			if rule.ID == "E02" {
				environ = []string{"APP_USER_ID=1000"}
			}
			wrong := audit(t, files(rule, examples[rule.ID+"/wrong"]), environ...)
			if !strings.Contains(show(wrong), rule.ID+" ") {
				t.Errorf("the wrong example has no finding of the rule:\n%s", show(wrong))
			}
			if right := audit(t, files(rule, examples[rule.ID+"/right"]), environ...); strings.Contains(show(right), rule.ID+" ") {
				t.Errorf("the right example has:\n%s", show(right, rule.ID))
			}
			if rule.Why == "" || rule.Source == "" || rule.Title == "" || rule.Own == nonroot.OK {
				t.Errorf("the rule says too little: %+v", rule)
			}
			for _, f := range wrong.Findings {
				if f.Rule == rule.ID && f.Fixable && rule.Fix == "" {
					t.Error("the rule has a fix and does not say so")
				}
			}
		})
	}
}

// TestWhatNeedsToBecomeRoot has no fix that takes that away, and what was tried has none.
func TestWhatNeedsToBecomeRoot(t *testing.T) {
	t.Parallel()
	root := write(t, map[string]string{"docker-compose.yml": "services: {web: {image: \"good:1\", command: [sudo, x]}, two: {image: \"good:1\"}}\n"})
	in := open(t, root)
	in.Image = images
	fixable := func() (services []string) {
		for _, f := range in.audit(t).Findings {
			if f.Fixable {
				services = append(services, f.Services...)
			}
		}
		return services
	}
	if got := fixable(); !slices.Equal(got, []string{"two", "two"}) {
		t.Errorf("fixable are findings of %q", got)
	}
	in.Keep = []string{filepath.Join(root, "docker-compose.yml")}
	if got := fixable(); len(got) != 0 {
		t.Errorf("fixable are findings of %q in a file to keep", got)
	}
}

// TestHardeningIsNoFault: what steps down has less with SETUID and SETGID beside cap_drop: [ALL] than without. Anything else that is added
// is a fault, and so are these where nothing steps down.
func TestHardeningIsNoFault(t *testing.T) {
	t.Parallel()
	for service, want := range map[string]string{
		"{image: \"postgres:17\", cap_drop: [ALL], cap_add: [CHOWN, SETUID, SETGID]}": "",
		"{image: \"postgres:17\", cap_drop: [ALL], cap_add: [SETUID, SYS_ADMIN]}":     "C04 warning docker-compose.yml:1",
		"{image: \"postgres:17\", cap_add: [SETUID]}":                                 "C04 warning docker-compose.yml:1",
		"{image: \"postgres:17\", command: [sh], cap_drop: [ALL], cap_add: [SETUID]}": "C04 warning docker-compose.yml:1",
		"{image: \"good:1\", cap_drop: [ALL], cap_add: [SETUID]}":                     "C04 warning docker-compose.yml:1",
	} {
		in := open(t, write(t, map[string]string{"docker-compose.yml": "services: {db: " + service + "}\n"}))
		in.Image = images
		if got := show(in.audit(t), "C04"); got != want {
			t.Errorf("%s: got %q, want %q", service, got, want)
		}
	}
}

// TestFilesOutside: whoever reads a report elsewhere has no use for the paths of this machine.
func TestFilesOutside(t *testing.T) {
	t.Parallel()
	root := write(t, map[string]string{"in/docker-compose.yml": "services: {web: {build: ../out}}\n", "out/Dockerfile": "FROM debian:trixie-slim\n"})
	if got := show(open(t, filepath.Join(root, "in")).audit(t), "D01"); got != "D01 error ../out/Dockerfile:1" {
		t.Errorf("got %s", got)
	}
}

// TestMoreOfTheSame: nobody reads thousands of equal findings, and they cost memory.
func TestMoreOfTheSame(t *testing.T) {
	t.Parallel()
	r := audit(t, map[string]string{
		"docker-compose.yml": "services: {web: {build: .}}\n",
		"Dockerfile":         "FROM debian:trixie-slim\n" + strings.Repeat("RUN chmod 777 /x\n", 2_000) + "USER 1:1\n",
	})
	if got := strings.Count(show(r, "D12"), "D12"); got != 500 || r.Omitted != 1_500 {
		t.Errorf("%d findings and %d omitted", got, r.Omitted)
	}
}
