package project_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
)

func TestExamineReportsWhatOpenRefuses(t *testing.T) { //nolint:funlen // a table of cases
	t.Parallel()
	cases := []struct {
		name  string
		files map[string]string
		// want are the names of the problems, "!" before a variable that must be set.
		want string
	}{
		{"all right", map[string]string{"docker-compose.yml": compose, ".env": "APP_USER_ID=1\nAPP_GROUP_ID=1\n"}, ""},
		{"no .env", map[string]string{"docker-compose.yml": compose}, "APP_USER_ID APP_GROUP_ID"},
		{"root", map[string]string{"docker-compose.yml": compose, ".env": "APP_USER_ID=1\nAPP_GROUP_ID=0\n"}, "APP_GROUP_ID"},
		{"not ours", map[string]string{"docker-compose.yml": "services: {a: {image: x}}\n"}, ""},
		{
			"a file that only Compose can read",
			map[string]string{"docker-compose.yml": "services: {a: {image: x}}\n", ".env": "A=1\nB\n"},
			"",
		},
		{
			"an env_file that is not there",
			map[string]string{"docker-compose.yml": "services: {a: {image: x, env_file: secret.env}}\n"},
			"",
		},
		{
			"variables that must be set",
			map[string]string{"docker-compose.yml": "services: {a: {image: \"${X:?}/${Y?set it}\", ports: [\"${P:?}:80\"]}}\n"},
			"!X !Y !P",
		},
		{
			"variables without which the file cannot be read",
			map[string]string{"docker-compose.yml": "services: {a: {image: \"${X}/i\", ports: [\"${P}\"], volumes: [\"${D}:/d\", \"${E:-e}:/e\"]}}\n"},
			"!D",
		},
		{
			"the same, where some must be nothing",
			map[string]string{"docker-compose.yml": "services: {a: {image: x, volumes: [\"${D}:/d\"], privileged: \"${B:-false}\", mem_limit: \"${M}\"}}\n"},
			"!D",
		},
	}
	cases = append(cases, []struct {
		name  string
		files map[string]string
		want  string
	}{
		{
			"what is no number, no time and no size without a value",
			map[string]string{"docker-compose.yml": "services: {a: {image: x, read_only: \"${B}\", scale: \"${S}\", mem_limit: \"${M}\", stop_grace_period: \"${G}\", healthcheck: {test: x, interval: \"${I}\"}, deploy: {resources: {limits: {cpus: \"${C}\"}}}}}\n"},
			"!B",
		},
		{
			"a boolean that must be set",
			map[string]string{"docker-compose.yml": "services: {a: {image: x, read_only: \"${B:?}\"}}\n"},
			"!B",
		},
		{
			"a file that Compose fetches",
			map[string]string{"docker-compose.yml": "include: [\"oci://example.test/x:1\", more.yml]\nservices: {a: {image: x}}\n", "more.yml": "services: {b: {image: x}}\n"},
			"!oci://example.test/x:1",
		},
	}...)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, problems, err := project.Examine(t.Context(), write(t, c.files), nil)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, problem := range problems {
				name := problem.Setting.Name
				if problem.Required {
					name = "!" + name
				}
				if problem.Err == nil {
					t.Errorf("%s: no reason", name)
				}
				got = append(got, name)
			}
			if len(got) != len(strings.Fields(c.want)) || !containsAll(got, strings.Fields(c.want)) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if len(p.Services()) != len(p.Compose.Services) {
				t.Errorf("services %q", p.Services())
			}
		})
	}
}

// TestExamineWithoutAFileOfCOMPOSEFILE: what one person has and another has not is left out, and said. Open refuses it.
func TestExamineWithoutAFileOfCOMPOSEFILE(t *testing.T) {
	t.Parallel()
	root := write(t, map[string]string{"docker-compose.yml": "services: {a: {image: x}}\n"})
	environ := []string{"COMPOSE_FILE=docker-compose.yml:mine.yml"}
	p, problems, err := project.Examine(t.Context(), root, environ)
	if err != nil || len(problems) != 1 || !strings.Contains(problems[0].Err.Error(), "mine.yml") || len(p.Services()) != 1 {
		t.Errorf("%+v, %v", problems, err)
	}
	if _, err := project.Open(t.Context(), root, environ); err == nil {
		t.Error("it can be opened")
	}
	if _, _, err := project.Examine(t.Context(), root, []string{"COMPOSE_FILE=mine.yml"}); err == nil {
		t.Error("a project of no file can be judged")
	}
}

func containsAll(got, want []string) bool {
	for _, w := range want {
		if !strings.Contains(" "+strings.Join(got, " ")+" ", " "+w+" ") {
			return false
		}
	}
	return true
}

func TestChainsOfExtendsAreBounded(t *testing.T) {
	t.Parallel()
	chain := func(n int) string {
		var text strings.Builder
		text.WriteString("services:\n  s0: {image: x}\n")
		for i := 1; i <= n; i++ {
			fmt.Fprintf(&text, "  s%d: {extends: s%d}\n", i, i-1)
		}
		return text.String()
	}
	root := write(t, map[string]string{"docker-compose.yml": chain(5001)})
	_, _, err := project.Examine(t.Context(), root, nil)
	var coded *exit.Error
	if !errors.As(err, &coded) || coded.Code != exit.Unusable || !strings.Contains(err.Error(), `5001 services with "extends"`) {
		t.Errorf("got %v", err)
	}
	root = write(t, map[string]string{"docker-compose.yml": chain(200)})
	if p, _, err := project.Examine(t.Context(), root, nil); err != nil || len(p.Services()) != 201 {
		t.Errorf("got %v", err)
	}
}
