package image

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/internal/build/inputs"
	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/docker/engine/enginetest"
	"github.com/im2-audio/im2/internal/term"
)

// planned is a project whose web is built on base, once without and once with a tag in its
// name, and on nothing else but an image that is here.
func planned(t *testing.T, files map[string]string) (Builder, *enginetest.Engine) {
	t.Helper()
	all := map[string]string{
		"docker-compose.yml": `name: demo
services:
  base: {image: own-base, build: {context: base, tags: ["own-base:7"]}}
  web: {build: web}
`,
		"base/Dockerfile": "FROM scratch\nCOPY b /\n", "base/b": "1",
		"web/Dockerfile": "FROM own-base:7\nUSER 1000:1000\nCOPY a /\n", "web/a": "1",
	}
	maps.Copy(all, files)
	b := made(t, all)
	e := &enginetest.Engine{Images: make(map[string]any)}
	b.UI, _, _ = term.Test()
	b.Client, b.Cache = enginetest.Open(t, e), t.TempDir()
	return b, e
}

// told is the plan in words.
func told(t *testing.T, b Builder) (Plan, string) {
	t.Helper()
	plan, err := b.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, m := range plan.Modules {
		lines = append(lines, m.Name+" "+m.Text(time.Now()))
	}
	return plan, strings.Join(lines, "; ")
}

// build puts what a build of the plan would make into the engine.
func build(plan Plan, e *enginetest.Engine) {
	for _, m := range plan.Modules {
		var names []string
		for _, name := range m.names {
			if !strings.Contains(name, ":") {
				name += ":latest"
			}
			names = append(names, name)
		}
		image := map[string]any{
			"Id": "sha256:" + strings.Repeat(m.Name[:1], 64), "RepoTags": names, "Os": "linux", "Architecture": "amd64",
			"Config": map[string]any{"User": m.User, "Labels": map[string]string{Label: m.Digest}}, "Created": time.Now(),
		}
		for _, name := range append(names, m.Image) {
			e.Images[name] = image
		}
	}
}

func TestAPlanFollowsWhatChanges(t *testing.T) {
	const none = "base stale: there is no image; web stale: there is no image, base image own-base:7 is not available locally"
	b, e := planned(t, nil)
	plan, text := told(t, b)
	if text != none {
		t.Errorf("at first: %s", text)
	}
	if got := plan.first(plan.Stale()); !slices.Equal(got, []string{"base"}) {
		t.Errorf("first are built %q", got)
	}
	build(plan, e)
	plan, _ = told(t, b) // web's digest knows the ID of base now
	build(plan, e)
	const upToDate = "base up to date (built just now); web up to date (built just now)"
	if plan, text = told(t, b); text != upToDate || len(plan.Stale()) != 0 {
		t.Errorf("after the build: %s", text)
	}
	b.record(plan)
	path := filepath.Join(b.Project.Root, "web", "a")
	if err := os.WriteFile(path, []byte("2"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, text = told(t, b); text != "base up to date (built just now); web stale: a changed" {
		t.Errorf("a file that changed: %s", text)
	}
	if err := os.WriteFile(path, []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	image := e.Images["demo-web"].(map[string]any)
	for _, c := range []struct {
		of        map[string]any
		key, want string
		value     any
	}{
		{image, "Architecture", "its image is for linux/arm64, not linux/amd64", "arm64"},
		{image["Config"].(map[string]any), "User", `its image runs as "0", not 1000:1000`, "0"},
		{image["Config"].(map[string]any), "Labels", "its image was not built by mage build", nil},
		{image["Config"].(map[string]any), "Labels", "its inputs changed", map[string]string{Label: "sha256:other"}},
	} {
		before := c.of[c.key]
		c.of[c.key] = c.value
		if _, text = told(t, b); text != "base up to date (built just now); web stale: "+c.want {
			t.Errorf("%s: %s", c.key, text)
		}
		c.of[c.key] = before
	}
	tagged := e.Images["own-base:7"].(map[string]any)
	tagged["RepoTags"] = []string{"own-base:latest"}
	if _, text = told(t, b); !strings.HasPrefix(text, "base stale: tag own-base:7 is not on its image; web stale: ") {
		t.Errorf("a tag that is gone: %s", text)
	}
	tagged["RepoTags"] = []string{"own-base:latest", "own-base:7"}
	if _, text = told(t, b); text != upToDate {
		t.Errorf("as it was: %s", text)
	}
}

func TestWhatIsBuiltOnADoubtfulServiceIsDoubtful(t *testing.T) {
	b, _ := planned(t, map[string]string{"docker-compose.yml": `name: demo
services:
  base: {build: {context: base, no_cache: true}}
  web: {build: {dockerfile_inline: "FROM base\n", additional_contexts: {base: "service:base"}}}
  top: {build: {dockerfile_inline: "FROM web\n", additional_contexts: {web: "service:web"}}}
`})
	plan, _ := told(t, b)
	const doubt = "no_cache is set in the Compose file"
	for name, want := range map[string]string{"base": doubt, "web": "service base: " + doubt, "top": "service web: service base: " + doubt} {
		if got := plan.find(name).inputs.Doubts; len(got) != 1 || got[0] != want {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

func TestServicesThatAreBuiltOnOneAnother(t *testing.T) {
	t.Parallel()
	unusable(t, made(t, map[string]string{"docker-compose.yml": `services:
  a: {build: {dockerfile_inline: "FROM b", additional_contexts: {b: "service:b"}}}
  b: {build: {dockerfile_inline: "FROM a", additional_contexts: {a: "service:a"}}}
`}), "a -> b -> a", "additional_contexts")
}

func TestABaseThatTheProjectBuildsIsNotPulled(t *testing.T) {
	b, _ := planned(t, nil)
	plan, _ := told(t, b)
	err := b.fetch(t.Context(), nil, &plan, []string{"web"})
	if err == nil || !strings.Contains(err.Error(), `building web: its base image own-base:7 is not available locally; service base builds it; fix: mage build -module=base`) {
		t.Errorf("got %v", err)
	}
	for range b.pullable(plan) {
		t.Error("it counts as an image that a registry has")
	}
}

func TestWhatIsPulled(t *testing.T) {
	b, e := planned(t, map[string]string{"docker-compose.yml": `name: demo
services:
  a: {build: {dockerfile_inline: "ARG BASE_IMAGE\nFROM $BASE_IMAGE\nCOPY --from=other /a /b\n", args: {BASE_IMAGE: "debian:trixie-slim"}}}
`})
	pulls := func() map[string]bool {
		plan, _ := told(t, b)
		return b.pullable(plan)
	}
	if got := pulls(); !maps.Equal(got, map[string]bool{"debian:trixie-slim": true, "other": true}) {
		t.Errorf("got %v", got)
	}
	e.Images["im2/base:trixie"] = map[string]any{"Id": "sha256:own", "RepoTags": []string{"im2/base:trixie"}, "Os": "linux", "Architecture": "arm64"}
	if got := pulls(); !maps.Equal(got, map[string]bool{"debian:trixie-slim": true, "other": true}) {
		t.Errorf("with a stand-in for another platform: %v", got)
	}
	e.Images["im2/base:trixie"] = map[string]any{"Id": "sha256:own", "RepoTags": []string{"im2/base:trixie"}, "Os": "linux", "Architecture": "amd64"}
	if got := pulls(); !maps.Equal(got, map[string]bool{"debian:trixie-slim": false, "other": true}) {
		t.Errorf("with a stand-in: %v", got)
	}
}

func TestTheOrderOfRounds(t *testing.T) {
	t.Parallel()
	module := func(name string, on ...string) Module {
		m := Module{Name: name, Stale: true, names: []string{familiar(name)}, inputs: inputs.Inputs{Images: make(map[string]string)}}
		for _, image := range on {
			m.inputs.Images[image] = ""
		}
		return m
	}
	cases := []struct {
		name    string
		modules []Module
		want    string
	}{
		{"apart", []Module{module("a", "debian"), module("b")}, "a b"},
		{"on one another", []Module{module("a", "b:latest"), module("b", "docker.io/library/c"), module("c")}, "c"},
		{"on itself as it was", []Module{module("a", "a")}, "a"},
		{"in a ring", []Module{module("a", "b"), module("b", "a")}, "a b"},
		{"on another tag", []Module{module("a", "b:2"), module("b")}, "a b"},
	}
	for _, c := range cases {
		plan := Plan{Modules: c.modules}
		if got := strings.Join(plan.first(plan.Stale()), " "); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestTimesInWords(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-time.Hour: "just now", 59 * time.Second: "just now", time.Minute: "1 min ago", 3*time.Minute + 59*time.Second: "3 min ago",
		time.Hour: "1 h ago", 47*time.Hour + 59*time.Minute: "47 h ago", 48 * time.Hour: "2 days ago", 1000 * time.Hour: "41 days ago",
	} {
		if got := ago(d); got != want {
			t.Errorf("%s: got %q, want %q", d, got, want)
		}
	}
	now := time.Now()
	at := now.Add(-2 * time.Minute)
	for want, m := range map[string]Module{
		"up to date": {}, "up to date (built 2 min ago)": {BuiltAt: &at}, "stale: a, b": {Stale: true, Reasons: []string{"a", "b"}, BuiltAt: &at},
	} {
		if got := m.Text(now); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestForce(t *testing.T) {
	t.Parallel()
	for force, want := range map[bool]string{false: "stale: x; up to date", true: "stale: x; stale: forced"} {
		p := Plan{Modules: []Module{{Name: "a", Stale: true, Reasons: []string{"x"}}, {Name: "b"}}}
		p.force(Options{Force: force})
		if got := p.Modules[0].Text(time.Now()) + "; " + p.Modules[1].Text(time.Now()); got != want {
			t.Errorf("%v: got %q", force, got)
		}
	}
}

func TestImagesByAnyName(t *testing.T) {
	t.Parallel()
	const digest = "sha256:24454f830cdb571e2c4ad15481119c43b3cafd48dd869a9b2945d1036d1dc68d"
	image := engine.ImageInfo{ID: digest, RepoTags: []string{"a:latest", "localhost:5000/team/b:1"}, RepoDigests: []string{"a@" + digest}}
	for name, want := range map[string]bool{
		"a": true, "a:latest": true, "docker.io/library/a": true, "localhost:5000/team/b:1": true, "a@" + digest: true, "a:2@" + digest: true,
		digest: true, "24454f830cdb": true, "sha256:24454f830cdb": true,
		"a:2": false, "b:1": false, "localhost:5000/team/b": false, "b@" + digest: false, "24454f830cd": false, "24454f830cdc": false, "A": false, "": false,
	} {
		if means(name, image) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}
