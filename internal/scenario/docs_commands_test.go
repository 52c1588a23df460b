package scenario_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/otiai10/copy"

	"github.com/im2-audio/im2/internal/usage"
)

// otherPrograms are the documented commands of other programs than Mage, and why no test
// here has to run them. One that no page has any more is an error.
func otherPrograms() map[string]string {
	return map[string]string{ //nolint:gosec // "imagePullSecrets" is a word of Kubernetes, and nothing secret
		"go install tool": "TestMageCanBeInstalled runs it",
		"go install github.com/im2-audio/im2/cmd/im2@latest":                                                            "im2-command builds it from this checkout",
		"sudo mount -t nfs -o vers=4.2,hard fileserver:/songs pipeline-data":                                            "it is for a machine that has a file server; nfsrig mounts one",
		"kubectl -n im2 create secret docker-registry registry --from-file=.dockerconfigjson=$HOME/.docker/config.json": "it is for a registry that asks for a password",
		`kubectl -n im2 patch serviceaccount default --patch={"imagePullSecrets": [{"name": "registry"}]}`:              "as above",
		"go test ./modules/web/server -run TestTheFirstPageIsFast -v":                                                   "\"mage test\" runs it with all others",
		"sudo chcon -Rt container_file_t pipeline-data":                                                                 "it is for machines on which SELinux confines containers",
	}
}

// inNoScenario are calls that no scenario runs, and why. One that no page has any more, or that
// a scenario runs by now, is an error.
func inNoScenario() map[string]string {
	return map[string]string{
		"mage test":               "the gate runs it, with -race and -coverage",
		"mage bench -only=engine": "bench-engine has it with -json; without, it would separate all songs once more",
	}
}

// TestDocumentedCommands runs each command of the pages that needs no engine in a copy of
// the project, where it must succeed and print what the page shows. Of any other one there
// must be a scenario that runs the same target with the same flags.
func TestDocumentedCommands(t *testing.T) {
	t.Parallel()
	d := documented{h: newHarness(t), targets: knownTargets(t), used: make(map[string]bool)}
	d.scenarios = scenarioCalls(t, d.targets)
	for _, page := range pages(t) {
		project := d.copyProject(t)
		for _, command := range page.Commands() {
			d.check(t, project, fmt.Sprintf("%s:%d", page.Path, command.Line), command)
		}
	}
	for _, listed := range []map[string]string{otherPrograms(), inNoScenario()} {
		for name := range listed {
			if !d.used[name] {
				t.Errorf("%q needs no exception any more", name)
			}
		}
	}
	t.Logf("%d commands were run, %d are in scenarios", d.ran, d.found)
	if d.ran < 20 || d.found < 20 {
		t.Errorf("only %d commands were run and %d found in scenarios: are the pages read as they should be?", d.ran, d.found)
	}
}

// documented checks the commands of the pages.
type documented struct {
	h          *harness
	targets    *usage.Usage
	scenarios  []docCall
	used       map[string]bool // of otherPrograms and inNoScenario
	ran, found int
}

func (d *documented) check(t *testing.T, project, where string, command docCommand) {
	t.Helper()
	programs, err := shellPrograms(command.Text)
	if err != nil || len(programs) == 0 {
		t.Errorf("%s: %s: %v", where, command.Text, err)
		return
	}
	if words, ours := programs[0].Mage(); ours && command.Refused() {
		d.ran++
		d.run(t, project, where, words, command)
		return
	}
	for _, program := range programs {
		words, ours := program.Mage()
		if !ours {
			text := strings.Join(program, " ")
			if d.used[text] = true; otherPrograms()[text] == "" {
				t.Errorf("%s: no test runs %q: run it in one, or say in otherPrograms why not", where, text)
			}
			continue
		}
		calls, err := readCalls(d.targets, words)
		if err != nil {
			t.Errorf("%s: %s: %v", where, command.Text, err)
			continue
		}
		if len(programs) == 1 && !slices.ContainsFunc(calls, needsMore) && !slices.Contains(words, "-w") {
			d.ran++
			d.run(t, project, where, words, command)
			continue
		}
		d.look(t, where, calls)
	}
}

// look looks for calls in scenarios.
func (d *documented) look(t *testing.T, where string, calls []docCall) {
	t.Helper()
	for _, call := range calls {
		for _, part := range measured(call) {
			d.found++
			if slices.ContainsFunc(d.scenarios, part.Like) {
				continue
			}
			if d.used[part.String()] = true; inNoScenario()[part.String()] == "" {
				t.Errorf("%s: no scenario in testdata/script runs %q with these flags", where, part)
			}
		}
	}
}

// needsMore reports whether a call needs more than a copy of the project: an engine, a
// song, root, much time, or what this checkout has built.
func needsMore(call docCall) bool {
	switch call.Target {
	case "":
		return !slices.ContainsFunc(call.Arguments, func(a string) bool { return a == "-l" || a == "-h" })
	case "audit":
		return call.Flags["k8s"] != "" // a folder that the copy does not have
	case "completion", "help", "new", "reset-permissions":
		return false
	case "jobs":
		return call.Flags["watch"] == "true" // it ends with an interrupt
	case "clean":
		return call.Flags["tools"] == "true"
	case "demucs-cache":
		return call.Flags["fetch"] != "false"
	}
	return true
}

// measured parts a call of bench into one for each part that it measures, and leaves out how
// much: no scenario has twenty minutes.
func measured(call docCall) []docCall {
	if call.Target != "bench" {
		return []docCall{call}
	}
	only, flags := call.Flags["only"], maps.Clone(call.Flags)
	if only == "" {
		only = "permissions,build,spool,engine"
	}
	maps.DeleteFunc(flags, func(name, value string) bool {
		_, err := strconv.Atoi(value)
		return err == nil || name == "dir" || name == "only"
	})
	var calls []docCall
	for part := range strings.SplitSeq(only, ",") {
		calls = append(calls, docCall{Target: "bench -only=" + part, Flags: flags})
	}
	return calls
}

// run runs a command, which must succeed, or fail where the page shows an error, and print the
// lines that the page shows. Numbers may be others, and runs of spaces; "..." stands for anything.
func (d *documented) run(t *testing.T, project, where string, words []string, command docCommand) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(d.h.bin, "mage"), words...)
	cmd.Dir = project
	// No engine: a user's own containers are nothing to a test, and nothing may hang on them.
	cmd.Env = append(os.Environ(), "DOCKER_HOST=unix:///nowhere/docker.sock", "PWD="+project)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); (err != nil) != command.Refused() {
		t.Errorf("%s: %s: %v\n%s", where, command.Text, err, out.String())
		return
	}
	printed := strings.Split(out.String(), "\n")
	for i, line := range printed {
		printed[i] = general(line)
	}
	for _, line := range command.Output {
		if line.Text != "..." && !slices.Contains(printed, general(line.Text)) {
			t.Errorf("%s: %s does not print %q, but:\n%s", where, command.Text, line.Text, out.String())
		}
	}
}

// general is a line without what differs from run to run.
func general(line string) string {
	line = regexp.MustCompile(`\d+(\.\d+)?`).ReplaceAllString(line, "0")
	return strings.TrimSpace(regexp.MustCompile(` +`).ReplaceAllString(line, " "))
}

// copyProject copies what a project needs into a folder of its own, for whoever runs the
// test, who may give files to nobody else.
func (d *documented) copyProject(t *testing.T) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "im2")
	for _, name := range []string{"go.mod", "go.sum", ".env", "docker-compose.yml", "modules", "pipeline"} {
		err := copy.Copy(filepath.Join(d.h.home, name), filepath.Join(to, name), copy.Options{
			Skip: func(info os.FileInfo, src, _ string) (bool, error) {
				return info.IsDir() && filepath.Base(src) == "bin", nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := keepOurs(to); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(to, "pipeline-data", "output", "song"), 0o755); err != nil {
		t.Fatal(err)
	}
	if uid := os.Getuid(); uid > 0 {
		ids := fmt.Sprintf("APP_USER_ID=%d\nAPP_GROUP_ID=%d\n", uid, os.Getgid())
		if err := os.WriteFile(filepath.Join(to, ".env.local"), []byte(ids), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// scenarioCalls returns what the scenarios run, also in the shell scripts that they have,
// and the gate. What ends with exit code 2 or 3 proves nothing of a command.
func scenarioCalls(t *testing.T, targets *usage.Usage) []docCall {
	t.Helper()
	scripts, err := filepath.Glob(filepath.Join("testdata", "script", "*.txtar"))
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	line := regexp.MustCompile(`(?m)^(?:\[\S*\] )*(?:(?:! )?exec |expect 1 |as \d+ [01] )?(?:sh -c ')?` +
		`(?:mage|\$mage|\$MAGE|\S*/bin/mage|go run (?:-C \S+ )?magefile\.go) ([^;|&<>\n]*)`)
	var calls []docCall
	for _, script := range append(scripts, filepath.Join(".ci", "run")) {
		text, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range line.FindAllStringSubmatch(string(text), -1) {
			found, err := readCalls(targets, strings.Fields(m[1]))
			if err != nil {
				continue // wrong on purpose
			}
			for _, call := range found {
				calls = append(calls, measured(call)...)
			}
		}
	}
	return calls
}

// TestMageCanBeInstalled does what the README says for those who want a mage of their own.
func TestMageCanBeInstalled(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	for _, argv := range [][]string{{"go", "install", "tool"}, {filepath.Join(bin, "mage"), "-version"}} {
		cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
		cmd.Env = append(os.Environ(), "GOBIN="+bin, "GOFLAGS=")
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", argv, err, text)
		}
	}
}
