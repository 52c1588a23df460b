package project_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/project"
)

// What services can change does not decide what is read, built and run on this machine.
func TestInputsInTheDataFolderAreRefused(t *testing.T) {
	t.Parallel()
	const extension = "x-im2: {data: data}\n"
	for what, c := range map[string]struct{ compose, says string }{
		"env_file":           {"services: {a: {image: x, env_file: data/in}}", `reading an env_file of the service a "data/in"`},
		"env_file by a link": {"services: {a: {image: x, env_file: link}}", `reading an env_file of the service a "link"`},
		"env_file, optional": {"services: {a: {image: x, env_file: [{path: data/none, required: false}]}}", `"data/none"`},
		"env_file to come":   {"services: {a: {image: x, env_file: [{path: dangling, required: false}]}}", `"dangling"`},
		"label_file":         {"services: {a: {image: x, label_file: data/in}}", `reading a label_file of the service a "data/in"`},
		"context":            {"services: {a: {build: data}}", `reading the build context of the service a "data"`},
		"context by a link":  {"services: {a: {build: linked}}", `reading the build context of the service a "linked"`},
		"Dockerfile":         {"services: {a: {build: {context: ., dockerfile: data/in}}}", `reading the Dockerfile of the service a "data/in"`},
		"another context":    {"services: {a: {build: {context: ., additional_contexts: {b: data}}}}", `reading a build context of the service a "data"`},
		"secret":             {"services: {a: {image: x, secrets: [s]}}\nsecrets: {s: {file: data/in}}", `reading the secret "data/in"`},
		"config":             {"services: {a: {image: x, configs: [s]}}\nconfigs: {s: {file: link}}", `reading the config "link"`},
		"of pre_start":       {"services: {a: {image: x, pre_start: [{command: y, env_file: data/in}]}}", `reading an env_file of a pre_start command of the service a "data/in"`},
		"a provider":         {"services: {a: {provider: {type: ./data/in}}}", `reading the provider of the service a "data/in"`},
		"elsewhere":          {"services: {a: {build: ., env_file: database.env}}", ""},
		"by a URL":           {"services: {a: {build: 'https://example.com/data.git'}}", ""},
	} {
		root := write(t, map[string]string{
			"docker-compose.yml": c.compose + "\n" + extension, ".env": "APP_USER_ID=1000\nAPP_GROUP_ID=1000\n", "database.env": "A=1\n",
		})
		if err := errors.Join(os.Mkdir(filepath.Join(root, "data"), 0o700), os.WriteFile(filepath.Join(root, "data", "in"), []byte("A=1\n"), 0o600), os.Symlink("data/in", filepath.Join(root, "link")), os.Symlink("data", filepath.Join(root, "linked")), os.Symlink("data/none", filepath.Join(root, "dangling"))); err != nil {
			t.Fatal(err)
		}
		_, err := project.Open(t.Context(), root, nil)
		if c.says == "" && err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "it is in the data folder data")) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
