package inputs

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/im2-audio/im2/internal/compose/dockerfile"
)

func TestArgumentsAsComposeGivesThem(t *testing.T) {
	t.Parallel()
	one, empty := "1", ""
	set := map[string]string{"FROM_ENV": "env", "EMPTY_ENV": ""}
	lookup := func(name string) (string, bool) { value, ok := set[name]; return value, ok }
	got := arguments(types.MappingWithEquals{
		"A": &one, "EMPTY": &empty, "FROM_ENV": nil, "EMPTY_ENV": nil, "NOWHERE": nil,
		"HTTP_PROXY": &one, "https_proxy": &one, "No_Proxy": nil, "MY_HTTP_PROXY": &one,
	}, lookup)
	want := map[string]string{"A": "1", "EMPTY": "", "FROM_ENV": "env", "EMPTY_ENV": "", "MY_HTTP_PROXY": "1"}
	if !maps.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	if got := arguments(nil, lookup); got == nil || len(got) != 0 {
		t.Errorf("without arguments: %v", got)
	}
}

func TestWhatABuildSectionChanges(t *testing.T) {
	t.Parallel()
	definition := func(change func(*types.ServiceConfig)) string {
		s := types.ServiceConfig{Name: "web"}
		s.Build = &types.BuildConfig{Context: "/c", SSH: types.SSHConfig{{ID: "default", Path: "/sock1"}}}
		change(&s)
		text, err := define(s)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	plain := definition(func(*types.ServiceConfig) {})
	value := "x"
	for name, change := range map[string]func(*types.ServiceConfig){
		"target":            func(s *types.ServiceConfig) { s.Build.Target = "x" },
		"labels":            func(s *types.ServiceConfig) { s.Build.Labels = types.Labels{"a": "b"} },
		"network":           func(s *types.ServiceConfig) { s.Build.Network = "none" },
		"extra hosts":       func(s *types.ServiceConfig) { s.Build.ExtraHosts = types.HostsList{"a": {"b"}} },
		"secrets":           func(s *types.ServiceConfig) { s.Build.Secrets = []types.ServiceSecretConfig{{Source: "x"}} },
		"tags":              func(s *types.ServiceConfig) { s.Build.Tags = []string{"x"} },
		"SSH agents":        func(s *types.ServiceConfig) { s.Build.SSH = nil },
		"image":             func(s *types.ServiceConfig) { s.Image = "x" },
		"platform":          func(s *types.ServiceConfig) { s.Platform = "x" },
		"not: context":      func(s *types.ServiceConfig) { s.Build.Context = "/other" },
		"not: arguments":    func(s *types.ServiceConfig) { s.Build.Args = types.MappingWithEquals{"a": &value} },
		"not: caches":       func(s *types.ServiceConfig) { s.Build.CacheFrom, s.Build.CacheTo = []string{"x"}, []string{"x"} },
		"not: attestations": func(s *types.ServiceConfig) { s.Build.Provenance, s.Build.SBOM = "x", "x" },
		"not: SSH sockets":  func(s *types.ServiceConfig) { s.Build.SSH[0].Path = "/sock2" },
		"not: a command":    func(s *types.ServiceConfig) { s.Command = []string{"x"} },
	} {
		if (definition(change) == plain) != strings.HasPrefix(name, "not: ") {
			t.Errorf("%s: %s", name, definition(change))
		}
	}
}

func TestWhereADockerfileIs(t *testing.T) {
	t.Parallel()
	const text = "FROM scratch\n"
	cases := []struct {
		name  string
		files map[string]string
		build types.BuildConfig
		path  string // below the root; "" for an error
	}{
		{"in its context", map[string]string{"c/Dockerfile": text}, types.BuildConfig{}, "c/Dockerfile"},
		{"in small letters", map[string]string{"c/dockerfile": text}, types.BuildConfig{}, "c/dockerfile"},
		{"in small letters below", map[string]string{"c/d/dockerfile": text}, types.BuildConfig{Dockerfile: "d/Dockerfile"}, "c/d/dockerfile"},
		{"both", map[string]string{"c/Dockerfile": text, "c/dockerfile": "FROM a\n"}, types.BuildConfig{}, "c/Dockerfile"},
		{"another name", map[string]string{"c/D": text, "c/Dockerfile": "FROM a\n"}, types.BuildConfig{Dockerfile: "D"}, "c/D"},
		{"outside", map[string]string{"D": text, "c/": ""}, types.BuildConfig{Dockerfile: "../D"}, "D"},
		{"a link", map[string]string{"c/Dockerfile": "-> D", "c/D": text}, types.BuildConfig{}, "c/Dockerfile"},
		{"a link to the outside", map[string]string{"c/Dockerfile": "-> ../D", "D": text}, types.BuildConfig{}, ""},
		{"a link in a round", map[string]string{"c/Dockerfile": "-> Dockerfile"}, types.BuildConfig{}, ""},
		{"nowhere", map[string]string{"c/": ""}, types.BuildConfig{}, ""},
		{"a name in small letters stands for itself", map[string]string{"c/d": text}, types.BuildConfig{Dockerfile: "D"}, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			root := folder(t, c.files)
			service := types.ServiceConfig{Name: "web"}
			service.Build = &c.build
			c.build.Context = filepath.Join(root, "c")
			r, err := Read("demo", service, nil, func(string) (string, bool) { return "", false })
			if c.path == "" {
				if err == nil || !strings.Contains(err.Error(), "building web from its Dockerfile ") || !strings.Contains(err.Error(), `"dockerfile"`) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil || r.Path != filepath.Join(root, c.path) || string(r.File.Text) != text {
				t.Errorf("got %+v, %v", r, err)
			}
		})
	}
}

func TestWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"FRM a":       "building web: dockerfile_inline:1:1: ",
		"FROM a AS b": `has no stage "x" (there are: b); fix: correct "target"`,
	} {
		service := types.ServiceConfig{Name: "web"}
		service.Build = &types.BuildConfig{DockerfileInline: text, Target: "x"}
		_, err := Read("demo", service, nil, func(string) (string, bool) { return "", false })
		var syntax *dockerfile.SyntaxError
		if err == nil || !strings.Contains(err.Error(), want) || errors.As(err, &syntax) != strings.Contains(want, ":1:1") {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

func TestRemoteContexts(t *testing.T) {
	t.Parallel()
	for context, want := range map[string]bool{
		"https://x.test/r.git": true, "git@x.test:r": true, "github.com/a/b": true, "ssh://x.test/r": true,
		"/home/me/github.com/a": false, "/a": false, "/git@x": false,
	} {
		if isRemote(context) != want {
			t.Errorf("%s: %v", context, !want)
		}
	}
	service := types.ServiceConfig{Name: "web"}
	service.Build = &types.BuildConfig{Context: "https://x.test/r.git"}
	r, err := Read("demo", service, nil, func(string) (string, bool) { return "", false })
	if err != nil || !r.Remote || r.File != nil {
		t.Fatalf("got %+v, %v", r, err)
	}
	if resolved, err := r.Resolve("linux/amd64", nil); err != nil || len(resolved.Images) != 0 {
		t.Errorf("got %+v, %v", resolved, err)
	}
}

func TestWhatIsBuiltFor(t *testing.T) {
	t.Parallel()
	const text = "FROM base-$TARGETARCH\nARG TARGETPLATFORM\nARG BUILDARCH\nCOPY $TARGETPLATFORM-$BUILDARCH /\n"
	cases := []struct {
		name      string
		platforms []string
		platform  string
		fallback  string
		engine    string
		all       bool
		want      string
	}{
		{"the engine's", nil, "", "", "linux/amd64", false, "linux/amd64 [base-amd64] [linux/amd64-amd64]"},
		{"an engine's without a variant", nil, "", "", "linux/arm", false, "linux/arm/v7 [base-arm] [linux/arm/v7-arm]"},
		{"the service's", nil, "linux/arm64", "linux/s390x", "linux/amd64", false, "linux/arm64 [base-arm64] [linux/arm64-amd64]"},
		{"the environment's", nil, "", "linux/arm64", "linux/amd64", false, "linux/arm64 [base-arm64] [linux/arm64-amd64]"},
		{"the build section's", []string{"linux/arm64"}, "", "", "linux/amd64", false, "linux/arm64 [base-arm64] [linux/arm64-amd64]"},
		{"other words for them", []string{"linux/aarch64"}, "", "", "linux/x86_64", false, "linux/arm64 [base-arm64] [linux/arm64-amd64]"},
		{
			"several, to be pushed",
			[]string{"linux/arm/v6", "linux/amd64"},
			"linux/amd64", "", "linux/amd64", true,
			"linux/arm/v6,linux/amd64 [base-amd64 base-arm] [linux/amd64-amd64 linux/arm/v6-amd64]",
		},
		{"one of several", []string{"linux/arm64", "linux/amd64"}, "linux/arm64", "", "linux/amd64", false, "linux/arm64 [base-arm64] [linux/arm64-amd64]"},
		{"several", []string{"linux/arm64", "linux/s390x"}, "", "", "linux/amd64", false, "linux/amd64 [base-amd64] [linux/amd64-amd64]"},
		{"nobody knows", nil, "", "", "", false, " [base-] [-]"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			service := types.ServiceConfig{Name: "web"}
			service.Platform, service.Build = c.platform, &types.BuildConfig{DockerfileInline: text, Platforms: c.platforms}
			lookup := func(name string) (string, bool) {
				return c.fallback, name == "DOCKER_DEFAULT_PLATFORM" && c.fallback != ""
			}
			r, err := Read("demo", service, Platforms(service, lookup, c.all), lookup)
			if err != nil {
				t.Fatal(err)
			}
			resolved, err := r.Resolve(c.engine, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(strings.Join(r.Targets(c.engine), ","), " ", resolved.Images, " ", resolved.Sources); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestPlatformsAreKnown(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"linux/amd64": "", "linux/x86_64": "", "linux/arm/v6": "", "linux/arm64/v8": "", "windows/amd64": "", "linux/riscv64": "",
		"linux/amd46": `did you mean "linux/amd64"?`, "linux/foo": "no known architecture", "foo": "no platform", "linux//": "no platform", "a/b/c/d": "no platform",
	} {
		err := CheckPlatform(name)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("CheckPlatform(%q) = %v, want %q", name, err, want)
		}
	}
}
