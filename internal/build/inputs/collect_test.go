package inputs

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
)

// recipe reads the recipe of a service whose build section is build, in the folder root.
func recipe(t *testing.T, root string, build types.BuildConfig) *Recipe {
	t.Helper()
	if build.Context == "" {
		build.Context = root
	}
	service := types.ServiceConfig{Name: "web"}
	service.Build = &build
	r, err := Read("demo", service, nil, func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// collect returns the inputs where everything is known to the engine that is in images.
func collect(t *testing.T, r *Recipe, g Given) Inputs {
	t.Helper()
	resolved, err := r.Resolve(g.Platform, nil)
	if err != nil {
		t.Fatal(err)
	}
	in, err := new(Collector).Collect(t.Context(), r, resolved, g)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func TestTheIgnoreFileInForce(t *testing.T) { //nolint:funlen // a table of cases
	t.Parallel()
	const all = "FROM scratch\nCOPY . /\n"
	cases := []struct {
		name  string
		files map[string]string
		build types.BuildConfig
		want  string
	}{
		{"none", map[string]string{"c/Dockerfile": all, "c/a": ""}, types.BuildConfig{}, "Dockerfile a"},
		{
			"the context's, with a mark, comments and exceptions",
			map[string]string{"c/Dockerfile": all, "c/.dockerignore": "\ufeff# a word\n/*\n\n!b/\nb/x \n!b/x/y\n", "c/a": "", "c/b/x/y": "", "c/b/x/z": "", "c/b/w": ""},
			types.BuildConfig{},
			"b b/w b/x b/x/y",
		},
		{
			"the Dockerfile's own wins",
			map[string]string{"c/Dockerfile": all, "c/.dockerignore": "a", "c/Dockerfile.dockerignore": "b", "c/a": "", "c/b": ""},
			types.BuildConfig{},
			".dockerignore Dockerfile Dockerfile.dockerignore a",
		},
		{
			"of another Dockerfile",
			map[string]string{"c/D": all, "c/.dockerignore": "a", "c/D.dockerignore": "D*\n.d*", "c/a": ""},
			types.BuildConfig{Dockerfile: "D"},
			"a",
		},
		{
			"of a Dockerfile outside",
			map[string]string{"D": all, "D.dockerignore": "a", "c/.dockerignore": "b", "c/a": "", "c/b": ""},
			types.BuildConfig{Dockerfile: "../D"},
			".dockerignore b",
		},
		{
			"of a Dockerfile in small letters",
			map[string]string{"c/dockerfile": all, "c/Dockerfile.dockerignore": "a", "c/dockerfile.dockerignore": "*ockerfile*", "c/a": ""},
			types.BuildConfig{},
			"a",
		},
		{
			"of a Dockerfile in the Compose file",
			map[string]string{"c/Dockerfile.dockerignore": "a", "c/.dockerignore": "b", "c/a": "", "c/b": ""},
			types.BuildConfig{DockerfileInline: all},
			".dockerignore Dockerfile.dockerignore a",
		},
		{
			"a link",
			map[string]string{"c/Dockerfile": all, "c/.dockerignore": "-> rules", "c/rules": "a\n*ockerfile\n", "c/a": ""},
			types.BuildConfig{},
			".dockerignore rules",
		},
		{
			"a link to the outside, where BuildKit does not look",
			map[string]string{"c/Dockerfile": all, "c/.dockerignore": "-> ../rules", "rules": "a", "c/a": ""},
			types.BuildConfig{},
			".dockerignore Dockerfile a",
		},
		{
			"a link from the top, which is the context's",
			map[string]string{"c/Dockerfile": all, "c/.dockerignore": "-> /rules", "c/rules": "a\n*ockerfile\n", "c/a": ""},
			types.BuildConfig{},
			".dockerignore rules",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			root := folder(t, c.files)
			c.build.Context = filepath.Join(root, "c")
			in := collect(t, recipe(t, root, c.build), Given{})
			if got := paths(in.Files); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if (in.Ignore == "") != (c.name == "none" || strings.HasPrefix(c.name, "a link to the outside")) {
				t.Errorf("the ignore file is %q", in.Ignore)
			}
		})
	}
}

func TestWhatNobodyCanKnow(t *testing.T) {
	t.Parallel()
	root := folder(t, map[string]string{"Dockerfile": "FROM base\n", "more/a": "1", "more/.dockerignore": "b\n"})
	given := Given{Images: map[string]string{"base": "sha256:1", "other": "sha256:2"}, Services: map[string]string{"db": "sha256:d"}}
	inline := func(text string) types.BuildConfig { return types.BuildConfig{DockerfileInline: text} }
	cases := []struct {
		name  string
		build types.BuildConfig
		want  string
	}{
		{"nothing", types.BuildConfig{}, ""},
		{"an image that is not available locally", inline("FROM missing\n"), "base image missing is not available locally"},
		{"an address", inline("FROM base\nADD https://x.test/a /\n"), "ADD fetches https://x.test/a, which may have changed"},
		{"an address with a checksum", inline("FROM base\nADD --checksum=sha256:24454f830cdb571e2c4ad15481119c43b3cafd48dd869a9b2945d1036d1dc68d https://x.test/a /\n"), ""},
		{"a remote context", types.BuildConfig{Context: "https://x.test/r.git"}, "its build context is remote"},
		{"no cache", types.BuildConfig{NoCache: true}, "no_cache is set in the Compose file"},
		{"a pull", types.BuildConfig{Pull: true}, "pull is set in the Compose file"},
		{"a remote additional context", types.BuildConfig{AdditionalContexts: types.Mapping{"a": "https://x.test/a"}}, "an additional context is remote"},
		{"an image as one", types.BuildConfig{AdditionalContexts: types.Mapping{"a": "docker-image://other"}}, ""},
		{"a missing image as one", types.BuildConfig{AdditionalContexts: types.Mapping{"a": "docker-image://gone"}}, "base image gone is not available locally"},
		{"a service as one", types.BuildConfig{AdditionalContexts: types.Mapping{"a": "service:db"}}, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in := collect(t, recipe(t, root, c.build), given)
			if got := strings.Join(in.Doubts, ", "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestAdditionalContextsCount(t *testing.T) {
	t.Parallel()
	root := folder(t, map[string]string{"c/Dockerfile": "FROM scratch\n", "more/a": "1", "more/b": "1", "more/.dockerignore": "b\n"})
	build := types.BuildConfig{Context: filepath.Join(root, "c"), AdditionalContexts: types.Mapping{
		"x": filepath.Join(root, "more"), "y": "service:db", "z": "docker-image://img",
	}}
	digest := func(db, img string) string {
		return collect(t, recipe(t, root, build), Given{Images: map[string]string{"img": img}, Services: map[string]string{"db": db}}).Digest()
	}
	first := digest("1", "2")
	if digest("2", "2") == first || digest("1", "1") == first {
		t.Error("another service or image makes no difference")
	}
	put(t, filepath.Join(root, "more", "b"), "2", false)
	if digest("1", "2") != first {
		t.Error("a file makes a difference that the additional context ignores")
	}
	put(t, filepath.Join(root, "more", "a"), "2", false)
	if digest("1", "2") == first {
		t.Error("a file of an additional context makes no difference")
	}
	if got := recipe(t, root, build).Needs(); !slices.Equal(got, []string{"db"}) {
		t.Errorf("needs %q", got)
	}
}

func TestServicesShareAWalk(t *testing.T) {
	t.Parallel()
	root := folder(t, map[string]string{"Dockerfile": "FROM scratch\nCOPY . /\n", "a": "1"})
	r := recipe(t, root, types.BuildConfig{})
	resolved, err := r.Resolve("", nil)
	if err != nil {
		t.Fatal(err)
	}
	var c Collector
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := c.Collect(t.Context(), r, resolved, Given{}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if c.Entries() != 2 {
		t.Errorf("%d entries were looked at, want 2", c.Entries())
	}
}

func TestTheCacheKnowsScopesApart(t *testing.T) {
	t.Parallel()
	c, root := Cache{Folder: t.TempDir()}, folder(t, map[string]string{"a": "1", "b": "1", "a b": "1"})
	scopes := []scope{
		{root, []string{"."}, nil},
		{root, []string{".", "a"}, nil},
		{root, []string{"."}, []string{"a"}},
		{root, []string{"a", "b"}, nil},
		{root, []string{"a b"}, nil},
		{root, []string{"b"}, []string{"a"}},
	}
	for range 2 {
		for _, s := range scopes {
			one := Collector{Cache: c}
			if _, err := one.walk(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
	}
	if entries, err := os.ReadDir(c.Folder); err != nil || len(entries) != len(scopes) {
		t.Errorf("%d are kept for %d scopes, %v", len(entries), len(scopes), err)
	}
}
