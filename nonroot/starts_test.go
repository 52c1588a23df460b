package nonroot_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
)

// TestEverythingThatComposeStartsIsChecked goes through the types of a Compose file. A new way to start a process fails it, until
// the audit checks it and it stands here.
func TestEverythingThatComposeStartsIsChecked(t *testing.T) {
	t.Parallel()
	checked := map[string]string{
		"services[].ContainerSpec":             "a service: check",
		"services[].pre_start[].ContainerSpec": "a container of its own: addPreStart, preStart",
		"jobs[].ContainerSpec":                 "a job: checked as a service",
		"services[].post_start[]":              "in the container: hooks",
		"services[].pre_stop[]":                "in the container: hooks",
		"services[].develop.watch[].exec":      "in the container: hooks",
		"services[].WorkloadSpec.healthcheck":  "in the container, always as its user",
		"jobs[].WorkloadSpec.healthcheck":      "in the container, always as its user",
		"services[].provider":                  "on this machine: C16",
		"services[].WorkloadSpec.build":        "in the builder: privileges",
		"jobs[].WorkloadSpec.build":            "in the builder: privileges",
	}
	var found []string
	seen := map[reflect.Type]bool{}
	var walk func(path string, of reflect.Type)
	walk = func(path string, of reflect.Type) {
		switch of.Kind() {
		case reflect.Pointer:
			walk(path, of.Elem())
		case reflect.Slice, reflect.Map:
			walk(path+"[]", of.Elem())
		case reflect.Struct:
			if starts(of) {
				found = append(found, path)
			}
			if seen[of] {
				return // within itself
			}
			seen[of] = true
			defer delete(seen, of)
			for i := range of.NumField() {
				f := of.Field(i)
				key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
				if key == "-" || strings.HasPrefix(key, "#") {
					continue // what compose-go adds itself; what it does not know
				}
				if key == "" {
					key = f.Name
				}
				walk(strings.TrimPrefix(path+"."+key, "."), f.Type)
			}
		}
	}
	walk("", reflect.TypeFor[types.Project]())
	slices.Sort(found)
	for _, path := range slices.Compact(found) {
		if checked[path] == "" {
			t.Errorf("%s can start a process, and nothing is said of how it is checked", path)
		}
		delete(checked, path)
	}
	for path := range checked {
		t.Errorf("%s is checked, but compose-go does not have it", path)
	}
}

// starts reports whether what a Compose file says by this type can start a process: it has a command, or a user to run something as.
func starts(of reflect.Type) bool {
	if of == reflect.TypeFor[types.ServiceProviderConfig]() {
		return true
	}
	for i := range of.NumField() {
		switch f := of.Field(i); {
		case f.Type == reflect.TypeFor[types.ShellCommand](), f.Type == reflect.TypeFor[types.HealthCheckTest]():
			return true
		case slices.Contains([]string{"Command", "Entrypoint", "Exec", "User", "Run", "Privileged"}, f.Name) && f.Type.Kind() != reflect.Struct:
			return true
		}
	}
	return false
}

func TestWhatComposeStartsBesideServices(t *testing.T) {
	t.Parallel()
	const good = "user: \"1000:1000\", image: \"good:1\""
	for name, c := range map[string]struct{ compose, want string }{
		"pre_start as root": {
			"services: {web: {" + good + ", pre_start: [{command: id, user: root}]}}\n", "C02 error docker-compose.yml:1",
		},
		"the second of two, on its line": {
			"services:\n  web:\n    " + strings.ReplaceAll(good, ", ", "\n    ") + "\n    pre_start:\n    - {command: id}\n    - command: id\n      user: \"0\"\n",
			"C02 error docker-compose.yml:8",
		},
		"pre_start with an image that is root": {
			"services: {web: {image: \"good:1\", pre_start: [{command: id, image: \"root:1\"}]}}\n", "C14 warning docker-compose.yml:1",
		},
		"pre_start with an image that nobody knows": {
			"services: {web: {image: \"good:1\", pre_start: [{command: id, image: \"other:1\"}]}}\n", "C14 note docker-compose.yml:1",
		},
		"pre_start with another image and the service's user": {
			"services: {web: {" + good + ", pre_start: [{command: id, image: \"root:1\"}]}}\n", "",
		},
		"pre_start as its service, which is root": {
			"services: {web: {image: \"root:1\", pre_start: [{command: id}]}}\n", "C14 warning docker-compose.yml:1",
		},
		"pre_start that is privileged": {
			"services: {web: {" + good + ", pre_start: [{command: id, privileged: true}]}}\n", "C04 warning docker-compose.yml:1",
		},
		"pre_start with the engine's socket": {
			"services: {web: {" + good + ", pre_start: [{command: id, volumes: [\"/run/docker.sock:/run/docker.sock\"]}]}}\n", "C04 warning docker-compose.yml:1",
		},
		"what its service has is said once": {
			"services: {web: {" + good + ", pid: host, pre_start: [{command: id}]}}\n", "C04 warning docker-compose.yml:1",
		},
		"pre_start in a profile": {
			"services: {web: {" + good + ", profiles: [p], pre_start: [{command: id, user: root}]}}\n", "C02 warning docker-compose.yml:1",
		},
		"post_start":               {"services: {web: {" + good + ", post_start: [{command: id, user: root}]}}\n", "C10 warning docker-compose.yml:1"},
		"develop":                  {"services: {web: {" + good + ", develop: {watch: [{path: ., action: sync+exec, target: /x, exec: {command: id, user: root}}]}}}\n", "C10 warning docker-compose.yml:1"},
		"a job":                    {"services: {web: {" + good + "}}\njobs: {night: {triggers: {manual: true}, image: \"good:1\", user: \"0\"}}\n", "C02 error docker-compose.yml:2"},
		"a good job":               {"services: {web: {" + good + "}}\njobs: {night: {triggers: {manual: true}, image: \"good:1\"}}\n", ""},
		"a job built":              {"services: {web: {" + good + "}}\njobs: {night: {triggers: {manual: true}, build: {context: ., dockerfile_inline: \"FROM root:1\\n\"}}}\n", "D01 error docker-compose.yml:2"},
		"a build without limits":   {"services: {web: {build: {context: ., privileged: true, dockerfile_inline: \"FROM good:1\\n\"}}}\n", "C04 warning docker-compose.yml:1"},
		"an insecure build":        {"services: {web: {build: {context: ., entitlements: [security.insecure], dockerfile_inline: \"FROM good:1\\n\"}}}\n", "C04 warning docker-compose.yml:1"},
		"a build with the network": {"services: {web: {build: {context: ., entitlements: [network.host], dockerfile_inline: \"FROM good:1\\n\"}}}\n", ""},
		"a provider":               {"services: {db: {provider: {type: cloud}}}\n", "C16 note docker-compose.yml:1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := open(t, write(t, map[string]string{
				"docker-compose.yml": c.compose, "x.yml": "services: {inner: {" + good + ", pre_start: [{command: id, user: root}]}}\n",
			}))
			in.Image = images
			if got := show(in.audit(t), "C02", "C04", "C10", "C14", "C16", "D01"); !sameLines(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// A pre_start command sees the data folder where its service does, and must be the app user there.
func TestAPreStartCommandThatIsNotTheAppUser(t *testing.T) {
	t.Parallel()
	in := open(t, write(t, map[string]string{".env": goodEnv, "docker-compose.yml": own + `services:
  web:
    image: good:1
    user: "1000:1000"
    pre_start: [{command: id, user: "7:7"}]
    volumes: [{type: bind, source: ./data, target: /data, bind: {create_host_path: false}}]
`}))
	report := in.audit(t)
	if got := show(report, "C09"); got != "C09 error docker-compose.yml:6" {
		t.Errorf("got %q", got)
	}
	for _, f := range report.Findings {
		if f.Rule == "C09" && (f.Message != "pre_start 1 of web runs as 7:7, but the data folder belongs to 1000:1000" || !slices.Equal(f.Services, []string{"web"})) {
			t.Errorf("%q of %v", f.Message, f.Services)
		}
	}
}
