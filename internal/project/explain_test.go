package project_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/project"
)

// explained returns one setting of an explanation.
func explained(t *testing.T, e project.Explanation, name string) project.Explained {
	t.Helper()
	for _, s := range e.Settings {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("%s is not explained: %+v", name, e.Settings)
	return project.Explained{}
}

func TestEverySettingSaysWhoSetIt(t *testing.T) {
	t.Parallel()
	root := write(t, map[string]string{
		"docker-compose.yml": compose,
		".env":               "# the team's\nAPP_USER_ID=1\nAPP_GROUP_ID=1\nBASE_IMAGE=team\nDB_PASSWORD=hunter2\n",
		".env.local":         "APP_GROUP_ID=2\nHTTPS_PROXY=http://me:s@cret@proxy.test:3128\n",
	})
	e, err := project.Explain(t.Context(), root, []string{"BASE_IMAGE=mine", "no_proxy=.test", "DOCKER_HOST=ssh://me:secret@host", "AWS_SECRET=hunter2"})
	if err != nil || !e.Usable() {
		t.Fatalf("%v, %+v", err, e)
	}
	for name, want := range map[string]string{ //nolint:gosec // G101: the stars are what is left of a password
		"APP_USER_ID":   "1 .env:2 .env",
		"APP_GROUP_ID":  "2 .env.local:1 .env.local",
		"BASE_IMAGE":    "mine the environment ",
		"DEMUCS_MODEL":  "htdemucs the default ",
		"OUTPUT_LAYOUT": "flat the default ",
		"LOG_FORMAT":    "text the default ",
		"HTTPS_PROXY":   "http://me:***@proxy.test:3128 .env.local:2 .env.local",
		"no_proxy":      ".test the environment ",
		"DOCKER_HOST":   "ssh://me:***@host the environment ",
	} {
		s := explained(t, e, name)
		file := ""
		if s.File != "" {
			file = filepath.Base(s.File)
		}
		if got := fmt.Sprint(s.Value, " ", s.Where(), " ", file); got != want || s.About == "" {
			t.Errorf("%s: got %q (%s), want %q", name, got, s.About, want)
		}
	}
	if text := fmt.Sprintf("%+v", e.Settings); strings.Contains(text, "hunter2") || strings.Contains(text, "secret") || strings.Contains(text, "PASSWORD") {
		t.Errorf("a secret is shown: %s", text)
	}
}

func TestAllThatIsWrongIsNamedAtOnce(t *testing.T) {
	t.Parallel()
	root := write(t, map[string]string{
		"docker-compose.yml": "x-im2: {uid: MY_UID}\nservices: {a: {image: '${IMAGE:?}'}}\n",
		".env":               "MY_UID=0\nBASE_IMAGE=team\n",
		".env.local":         "NAME=x\ntop secret words\nOTHER=hunter2\n",
	})
	e, err := project.Explain(t.Context(), root, nil)
	if err != nil || e.Usable() || e.Compose != nil || e.Project == nil {
		t.Fatalf("%v, %+v", err, e)
	}
	if s := explained(t, e, "MY_UID"); s.Value != "0" || s.Line != 1 || !strings.Contains(s.Problem, "root") {
		t.Errorf("%+v", s)
	}
	if s := explained(t, e, "APP_GROUP_ID"); s.Source != project.FromNowhere || !strings.Contains(s.Problem, "is not set") {
		t.Errorf("%+v", s)
	}
	if s := explained(t, e, "BASE_IMAGE"); s.Value != "team" || s.Problem != "" {
		t.Errorf("%+v", s)
	}
	text := strings.Join(e.Problems, "\n")
	if len(e.Problems) != 2 || !strings.Contains(text, ".env.local:2: ") || !strings.Contains(text, "IMAGE has no value") {
		t.Errorf("problems: %s", text)
	}
	if strings.Contains(text, "secret") || strings.Contains(text, "hunter2") {
		t.Errorf("the file's text is shown: %s", text)
	}
}

func TestSettingsAreExplainedWithoutAComposeFile(t *testing.T) {
	t.Parallel()
	root := write(t, map[string]string{".env": "APP_USER_ID=-1\n", "docker-compose.yml": "services: ["})
	e, err := project.Explain(t.Context(), root, []string{"APP_GROUP_ID=0"})
	if err != nil || e.Compose == nil || e.Project != nil || e.Usable() {
		t.Fatalf("%v, %+v", err, e)
	}
	if s := explained(t, e, "APP_USER_ID"); s.Problem == "" || s.Value != "-1" {
		t.Errorf("%+v", s)
	}
	if s := explained(t, e, "APP_GROUP_ID"); s.Problem == "" || s.Source != project.FromEnvironment {
		t.Errorf("%+v", s)
	}
	if _, err := project.Explain(t.Context(), filepath.Join(root, "nowhere"), nil); err == nil {
		t.Error("a folder that is not there is explained")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := project.Explain(ctx, root, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// What stands in a quoted value over several lines is no line of its own.
func TestTheLineThatCannotBeReadIsNamed(t *testing.T) {
	t.Parallel()
	for text, line := range map[string]string{
		"A=1\nB=2\nno setting\nC=3\n": ":3: ",
		"A=\"one\ntwo\"\n!\n":         ":3: ",
		"A=\"one\ntwo\n":              ":1: ",
		"!":                           ":1: ",
	} {
		_, err := project.ReadSettings(write(t, map[string]string{".env": text}), nil)
		if err == nil || !strings.Contains(err.Error(), ".env"+line) {
			t.Errorf("%q: %v, want line %s", text, err, line)
		}
	}
}

// The page of settings has all of them.
func TestThePageHasEverySetting(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "settings.md"))
	if err != nil {
		t.Fatal(err)
	}
	settings, err := project.ReadSettings(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, known := range settings.Known() {
		if !strings.Contains(string(text), "`"+strings.ToUpper(known.Name)+"`") {
			t.Errorf("%s is not in docs/settings.md", known.Name)
		}
	}
}

// Compose's schema is checked only where the file cannot be read without it: settings do not depend on it.
func TestSettingsDoNotWaitForTheSchema(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"services: {a: {image: x, imagine: x}}": "",
		"services: {a: {networks: 3}}":          "services.a.networks must be a",
		"services: 3":                           "services must be a mapping",
		"services: [":                           "did not find expected node content",
	} {
		root := write(t, map[string]string{"docker-compose.yml": text, ".env": "APP_USER_ID=1\nAPP_GROUP_ID=1\n"})
		e, err := project.Explain(t.Context(), root, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(e.Compose); (want == "") != (e.Compose == nil) || !strings.Contains(got, want) && want != "" {
			t.Errorf("%s: got %v, want %q", text, e.Compose, want)
		}
		if s := explained(t, e, "APP_USER_ID"); s.Value != "1" {
			t.Errorf("%s: got %+v", text, s)
		}
	}
}
