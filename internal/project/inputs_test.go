package project_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/project"
)

// inputs are Compose files in which a field names a file in the data folder, by the field, with what is said of it; "" for
// nothing.
var inputs = map[string]struct{ compose, says string }{
	"EnvFile.Path":                            {"services: {a: {image: x, env_file: data/in}}", `an env_file of the service a "data/in"`},
	"EnvFile.Path, by a link":                 {"services: {a: {image: x, env_file: link}}", `an env_file of the service a "link"`},
	"EnvFile.Path, optional":                  {"services: {a: {image: x, env_file: [{path: data/none, required: false}]}}", `an env_file of the service a "data/none"`},
	"EnvFile.Path, to come":                   {"services: {a: {image: x, env_file: [{path: dangling, required: false}]}}", `an env_file of the service a "dangling"`},
	"EnvFile.Path, of pre_start":              {"services: {a: {image: x, pre_start: [{command: y, env_file: data/in}]}}", `an env_file of a pre_start command of the service a "data/in"`},
	"EnvFile.Path, of a profile":              {"services: {a: {image: x, profiles: [p], env_file: data/in}}", `an env_file of the service a "data/in"`},
	"EnvFile.Path, of a job":                  {"jobs: {j: {triggers: {manual: true}, image: x, env_file: data/in}}", `an env_file of the job j "data/in"`},
	"EnvFile.Path, of a job of a profile":     {"jobs: {j: {triggers: {manual: true}, image: x, profiles: [p], env_file: data/in}}", `an env_file of the job j "data/in"`},
	"EnvFile.Path, elsewhere":                 {"services: {a: {build: ., env_file: database.env}}", ""},
	"ContainerSpec.LabelFiles":                {"services: {a: {image: x, label_file: data/in}}", `a label_file of the service a "data/in"`},
	"ContainerSpec.SecurityOpt":               {"services: {a: {image: x, security_opt: [no-new-privileges, 'seccomp=data/in']}}", `a seccomp profile of the service a "data/in"`},
	"ContainerSpec.SecurityOpt, old":          {"services: {a: {image: x, security_opt: ['seccomp:data/in']}}", `a seccomp profile of the service a "data/in"`},
	"ContainerSpec.SecurityOpt, of pre_start": {"services: {a: {image: x, pre_start: [{command: y, security_opt: ['seccomp=data/in']}]}}", `a seccomp profile of a pre_start command of the service a "data/in"`},
	"ContainerSpec.SecurityOpt, built in":     {"services: {a: {image: x, security_opt: ['seccomp=unconfined', 'seccomp:builtin', 'label=disable']}}", ""},
	"BuildConfig.Context":                     {"services: {a: {build: data}}", `the build context of the service a "data"`},
	"BuildConfig.Context, by a link":          {"services: {a: {build: linked}}", `the build context of the service a "linked"`},
	"BuildConfig.Context, of a profile":       {"services: {a: {build: data, profiles: [p]}}", `the build context of the service a "data"`},
	"BuildConfig.Context, of a job":           {"jobs: {j: {triggers: {manual: true}, build: data}}", `the build context of the job j "data"`},
	"BuildConfig.Context, a URL":              {"services: {a: {build: 'https://example.com/data.git'}}", ""},
	"BuildConfig.Context, its ignore file":    {"services: {a: {build: ignoring}}", `a .dockerignore of the service a "ignoring/.dockerignore"`},
	"BuildConfig.Dockerfile":                  {"services: {a: {build: {context: ., dockerfile: data/in}}}", `the Dockerfile of the service a "data/in"`},
	"BuildConfig.Dockerfile, its ignore file": {"services: {a: {build: {context: ., dockerfile: ignoring/Dockerfile}}}", `a .dockerignore of the service a "ignoring/Dockerfile.dockerignore"`},
	"BuildConfig.Dockerfile, inline":          {"services: {a: {build: {context: ., dockerfile_inline: FROM x}}}", ""},
	"BuildConfig.AdditionalContexts":          {"services: {a: {build: {context: ., additional_contexts: {b: data}}}}", `a build context of the service a "data"`},
	"BuildConfig.AdditionalContexts, OCI":     {"services: {a: {build: {context: ., additional_contexts: {b: 'oci-layout://data/in:1@sha256:0'}}}}", `a build context of the service a "data/in"`},
	"BuildConfig.AdditionalContexts, image":   {"services: {a: {build: {context: ., additional_contexts: {b: 'docker-image://data/in:1', c: 'oci-layout://other:1'}}}}", ""},
	"BuildConfig.CacheFrom":                   {"services: {a: {build: {context: ., cache_from: ['data/in', 'type=local,src=data/in']}}}", `a build cache of the service a "data/in"`},
	"BuildConfig.CacheFrom, quoted":           {"services: {a: {build: {context: ., cache_from: ['\"type=local\",\"src=./data/in\"']}}}", `a build cache of the service a "data/in"`},
	"BuildConfig.CacheFrom, an image":         {"services: {a: {build: {context: ., cache_from: ['data/in', 'type=registry,ref=data/in']}}}", ""},
	"BuildConfig.CacheTo":                     {"services: {a: {build: {context: ., cache_to: ['mode=max,type=local,dest=data/in']}}}", `a build cache of the service a "data/in"`},
	"SSHKey.Path":                             {"services: {a: {build: {context: ., ssh: [default, 'k=data/in']}}}", `an SSH key of the service a "data/in"`},
	"SSHKey.Path, the second":                 {"services: {a: {build: {context: ., ssh: ['k=database.env,data/in']}}}", `an SSH key of the service a "data/in"`},
	"SecretConfig.File":                       {"services: {a: {image: x, secrets: [s]}}\nsecrets: {s: {file: data/in}}", `a secret of the service a "data/in"`},
	"SecretConfig.File, of a build":           {"services: {a: {build: {context: ., secrets: [s]}}}\nsecrets: {s: {file: data/in}}", `a secret of the build of the service a "data/in"`},
	"SecretConfig.File, unused":               {"services: {a: {image: x}}\nsecrets: {s: {file: data/in}}\nconfigs: {s: {file: data/in}}", ""},
	"ConfigObjConfig.File":                    {"services: {a: {image: x, configs: [s]}}\nconfigs: {s: {file: link}}", `a config of the service a "link"`},
	"ConfigObjConfig.File, of a job":          {"jobs: {j: {triggers: {manual: true}, image: x, configs: [s]}}\nconfigs: {s: {file: link}}", `a config of the job j "link"`},
	"ServiceProviderConfig.Type":              {"services: {a: {provider: {type: ./data/in}}}", `the provider of the service a "data/in"`},
	"Trigger.Path":                            {"services: {a: {image: x, develop: {watch: [{action: sync, path: data/in, target: /in}]}}}", `a watched path of the service a "data/in"`},
	"Project.ComposeFiles":                    {"services: {a: {image: x}}", `the Compose file "data/compose.yml"`},
}

// What services can change does not decide what is read, built and run on this machine.
func TestInputsInTheDataFolderAreRefused(t *testing.T) {
	t.Parallel()
	for what, c := range inputs {
		compose := c.compose
		if !strings.Contains(compose, "services:") {
			compose += "\nservices: {a: {image: x}}"
		}
		root := write(t, map[string]string{"docker-compose.yml": compose + "\nx-im2: {data: data}\n", ".env": "APP_USER_ID=1000\nAPP_GROUP_ID=1000\n", "database.env": "A=1\n"})
		hold(t, root)
		var environ []string
		if what == "Project.ComposeFiles" {
			environ = []string{"COMPOSE_FILE=" + filepath.Join(root, "docker-compose.yml") + string(os.PathListSeparator) + filepath.Join(root, "data", "compose.yml")}
		}
		_, err := project.Open(t.Context(), root, environ)
		if c.says == "" && err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if c.says != "" && (err == nil || !strings.Contains(err.Error(), "reading "+c.says) || !strings.Contains(err.Error(), "it is in the data folder data")) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// hold makes a data folder with files, and links to it.
func hold(t *testing.T, root string) {
	t.Helper()
	var err error
	for _, folder := range []string{"data", "ignoring"} {
		err = errors.Join(err, os.Mkdir(filepath.Join(root, folder), 0o700))
	}
	for name, text := range map[string]string{"in": "A=1\n", "compose.yml": "services: {}\n"} {
		err = errors.Join(err, os.WriteFile(filepath.Join(root, "data", name), []byte(text), 0o600))
	}
	for link, to := range map[string]string{
		"link": "data/in", "linked": "data", "dangling": "data/none", "ignoring/.dockerignore": "../data/in", "ignoring/Dockerfile.dockerignore": "../data/none",
	} {
		err = errors.Join(err, os.Symlink(to, filepath.Join(root, link)))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Neither do settings.
func TestSettingsThatNameTheDataFolderAreRefused(t *testing.T) {
	t.Parallel()
	for says, change := range map[string]map[string]string{
		`reading the certificates "data/in"`:    {".env": "IM2_CA_BUNDLE=data/in\n"},
		`reading the Go modules "data/modules"`: {"docker-compose.yml": "services: {a: {image: x}}\nx-im2: {data: data, go: data/modules}\n"},
	} {
		files := map[string]string{"docker-compose.yml": "services: {a: {image: x}}\nx-im2: {data: data}\n"}
		maps.Copy(files, change)
		files[".env"] += "APP_USER_ID=1000\nAPP_GROUP_ID=1000\n"
		root := write(t, files)
		hold(t, root)
		if _, err := project.Open(t.Context(), root, nil); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
}
