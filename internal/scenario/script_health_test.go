package scenario_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// container is what "docker inspect" says of one.
type container struct {
	Name         string
	RestartCount int
	State        struct {
		StartedAt string
		Health    struct {
			Log []struct {
				ExitCode int
				Output   string
			}
		}
	}
}

// containersOf are the containers of the script's project; those of one service unless it is "".
func containersOf(ts *testscript.TestScript, service string) []container {
	args := []string{"ps", "--all", "--quiet", "--filter", "label=com.docker.compose.project=" + ts.Getenv("COMPOSE_PROJECT_NAME")}
	if service != "" {
		args = append(args, "--filter", "label=com.docker.compose.service="+service)
	}
	ids, err := docker(ts, args...)
	ts.Check(err)
	if len(strings.Fields(ids)) == 0 {
		ts.Fatalf("no container of %q", service)
	}
	text, err := docker(ts, append([]string{"inspect"}, strings.Fields(ids)...)...)
	ts.Check(err)
	var all []container
	ts.Check(json.Unmarshal([]byte(text), &all))
	return all
}

// docker asks the script's engine.
func docker(ts *testscript.TestScript, args ...string) (string, error) {
	cmd := exec.Command("docker", args...)
	if host := ts.Getenv("DOCKER_HOST"); host != "" {
		cmd.Env = append(os.Environ(), "DOCKER_HOST="+host)
	}
	out, err := cmd.Output()
	return string(out), err
}

// cmdAils waits until the health check of a service fails and says something that matches.
func cmdAils(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, args, 3, "ails SERVICE PATTERN TIMEOUT")
	limit, err := time.ParseDuration(args[2])
	ts.Check(err)
	want := regexp.MustCompile(args[1])
	var said string
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(500 * time.Millisecond) {
		for _, c := range containersOf(ts, args[0]) {
			if n := len(c.State.Health.Log); n > 0 {
				last := c.State.Health.Log[n-1]
				if said = last.Output; last.ExitCode != 0 && want.MatchString(said) {
					return
				}
			}
		}
	}
	ts.Fatalf("after %s, the health check of %s says: %q", limit, args[0], said)
}

// cmdSteady writes when each container was started, for the first time of a script, and afterwards
// fails when one was started again.
func cmdSteady(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, args, 1, "steady FILE")
	var now []string
	for _, c := range containersOf(ts, "") {
		if c.RestartCount > 0 {
			ts.Fatalf("%s was restarted %d times", c.Name, c.RestartCount)
		}
		now = append(now, c.Name+" "+c.State.StartedAt)
	}
	slices.Sort(now)
	path := ts.MkAbs(args[0])
	before, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		ts.Check(os.WriteFile(path, []byte(strings.Join(now, "\n")), 0o644))
		return
	}
	ts.Check(err)
	if string(before) != strings.Join(now, "\n") {
		ts.Fatalf("before:\n%s\nnow:\n%s", before, strings.Join(now, "\n"))
	}
}
