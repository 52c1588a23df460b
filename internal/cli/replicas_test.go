package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/project"
)

func projectOf(t *testing.T, compose string, environ ...string) *project.Project {
	t.Helper()
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "docker-compose.yml"), []byte(compose), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := project.Open(t.Context(), root, append(environ, "APP_USER_ID=1000", "APP_GROUP_ID=1000"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestWorkersShareTheProcessors(t *testing.T) {
	t.Parallel()
	const ours = "services: {demucs: {image: x, environment: {DEMUCS_THREADS: '${DEMUCS_THREADS:-}'}}}\n"
	for _, c := range []struct {
		name, compose string
		environ       []string
		has           engine.Capacity
		replicas      int
		want          []string
	}{
		{"two on eight", ours, nil, engine.Capacity{CPUs: 8}, 2, []string{"DEMUCS_THREADS=4"}},
		{"more than processors", ours, nil, engine.Capacity{CPUs: 2}, 3, []string{"DEMUCS_THREADS=1"}},
		{"a very large machine", ours, nil, engine.Capacity{CPUs: 512}, 1, []string{"DEMUCS_THREADS=128"}},
		{"the user says how many", ours, []string{"DEMUCS_THREADS=3"}, engine.Capacity{CPUs: 8}, 2, nil},
		{"another project", "services: {demucs: {image: x}}\n", nil, engine.Capacity{CPUs: 8}, 2, nil},
		{"an engine that does not say", ours, nil, engine.Capacity{}, 2, nil},
	} {
		if got := shareProcessors(projectOf(t, c.compose, c.environ...), c.has, c.replicas); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestWhatTheWorkerWouldRefuseIsRefusedFirst(t *testing.T) {
	t.Parallel()
	const ours = `x-im2: {data: ./data}
services: {demucs: {image: x, volumes: ["./data/models:/home/demucs/.cache/torch"]}}
`
	for entry, want := range map[string]string{
		"DEMUCS_PROVIDER=webgpu": "",
		"DEMUCS_PROVIDER=tpu":    `DEMUCS_PROVIDER is "tpu" in the environment: unknown provider`,
		"DEMUCS_MEMORY=none":     `DEMUCS_MEMORY is "none" in the environment: unknown memory mode`,
		"DEMUCS_THREADS=1000":    `DEMUCS_THREADS is "1000" in the environment`,
	} {
		p := projectOf(t, ours, entry)
		if p.ModelCache() == "" {
			t.Fatal("no model cache")
		}
		err := checkExecution(p)
		if (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", entry, err, want)
		}
		if err := checkExecution(projectOf(t, "services: {demucs: {image: x}}\n", entry)); err != nil {
			t.Errorf("%s in another project: %v", entry, err)
		}
	}
}

func TestCountsOfContainers(t *testing.T) {
	t.Parallel()
	const compose = `name: demo
services: {demucs: {image: x}, web: {image: x}, one: {image: x, container_name: one}, night: {image: x, profiles: [night]}}
`
	for _, c := range []struct{ remembered, flag, want, err string }{
		{"", "", "", ""},
		{"", "2", "demucs=2", ""},
		{"", "web=3, demucs=2", "demucs=2,web=3", ""},
		{"demucs=1", "", "demucs=1", ""},
		{"demucs=1,web=2", "web=3", "demucs=1,web=3", ""},
		{"demucs=1,web=2", "auto", "web=2", ""},
		{"night=2,web=2", "", "web=2", ""},
		{"", "web=0", "", `-replicas=web=0: at least 1 is needed`},
		{"", "-1", "", `at least 1 is needed`},
		{"", "web=many", "", `-replicas=web=many: "many" is neither a number nor auto; fix: write SERVICE=NUMBER`},
		{"", "wbe=2", "", `project demo has no service "wbe", but demucs, one, web; did you mean "web"?`},
		{"", "one=2", "", `service one has the container_name "one"`},
		{"wbe=2", "", "", `IM2_REPLICAS is "wbe=2" in the environment: project demo has no service "wbe"`},
	} {
		got, err := chosen(projectOf(t, compose, "IM2_REPLICAS="+c.remembered), c.flag)
		if got.String() != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%q over %q: %q, %v; want %q, %q", c.flag, c.remembered, got, err, c.want, c.err)
		}
	}
	_, err := chosen(projectOf(t, "name: demo\nservices: {web: {image: x}}\n"), "2")
	if err == nil || !strings.Contains(err.Error(), `has no service "demucs", but web; fix: write SERVICE=2`) {
		t.Errorf("got %v", err)
	}
}
