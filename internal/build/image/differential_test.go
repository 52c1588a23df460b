package image

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/term"
)

// TestNothingIsSkippedThatBuildKitWouldBuild changes a small project at random and asks, after
// each change, whether the image is stale, and BuildKit, whether it comes out with other layers.
// It needs an engine and time: IM2_BUILD_RANDOM=1m says how much.
func TestNothingIsSkippedThatBuildKitWouldBuild(t *testing.T) {
	limit, err := time.ParseDuration(os.Getenv("IM2_BUILD_RANDOM"))
	if err != nil {
		t.Skip("skipped: IM2_BUILD_RANDOM=1m compares random projects with what BuildKit builds")
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 0))}
	steps, stale := 0, 0
	for end := time.Now().Add(limit); time.Now().Before(end); {
		d := newDifference(t, g)
		before := d.layers(t)
		for range 20 {
			what := g.change(t, d.root)
			plan, err := d.asked.Plan(t.Context())
			if err != nil {
				t.Logf("%s: %v", what, err) // both refuse what cannot be built
				break
			}
			steps++
			if len(plan.Stale()) > 0 {
				stale++
				if _, err := d.asked.Build(t.Context(), Options{}, func(Plan) {}); err != nil {
					break
				}
			}
			after := d.layers(t)
			if before != after && len(plan.Stale()) == 0 {
				t.Fatalf("skipped after %s, and yet its layers were %s and are %s\n%s", what, before, after, d.show(t))
			}
			before = after
		}
	}
	t.Logf("%d changes, %d of them made the image stale", steps, stale)
}

// difference is one project under two names: the one that is asked, and the one that BuildKit
// always builds.
type difference struct {
	root         string
	asked, truth Builder
}

func newDifference(t *testing.T, g *generator) *difference {
	t.Helper()
	home, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	d := &difference{root: t.TempDir()}
	g.project(t, d.root)
	for kind, b := range map[string]*Builder{"asked": &d.asked, "truth": &d.truth} {
		name := fmt.Sprintf("im2-random-%d-%s", os.Getpid(), kind)
		p, err := project.Open(t.Context(), d.root, append(os.Environ(), "COMPOSE_PROJECT_NAME="+name, "IM2_CA_BUNDLE="))
		if err != nil {
			t.Fatal(err)
		}
		c, err := engine.Open(engine.Options{Runner: run.Local{}, Environ: p.Settings.Environ(), Home: home})
		if err != nil {
			t.Skipf("skipped: %v", err)
		}
		ui, _, _ := term.Test()
		*b = Builder{Project: p, Client: c, Runner: run.Local{}, UI: ui, Cache: t.TempDir()}
		t.Cleanup(func() {
			// There may be none.
			_ = run.Local{}.Run(context.WithoutCancel(t.Context()), run.Cmd{Name: "docker", Args: []string{"image", "rm", "--force", name + "-web"}})
		})
	}
	if _, err := d.asked.Build(t.Context(), Options{}, func(Plan) {}); err != nil {
		t.Logf("not to be built: %v", err)
	}
	return d
}

// layers are those that BuildKit builds now; "" where it builds nothing.
func (d *difference) layers(t *testing.T) string {
	t.Helper()
	if _, err := d.truth.Build(t.Context(), Options{Force: true}, func(Plan) {}); err != nil {
		return ""
	}
	found, err := d.truth.Client.Images(t.Context(), []string{d.truth.Project.Image("web")})
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	return strings.Join(found[0].RootFS.Layers, " ")
}

// show is the project in words.
func (d *difference) show(t *testing.T) string {
	t.Helper()
	var text strings.Builder
	err := filepath.WalkDir(d.root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target, _ := os.Readlink(path)
		fmt.Fprintf(&text, "%s %s %s\n", e.Type(), strings.TrimPrefix(path, d.root), target)
		if strings.Contains(e.Name(), "ocker") && !e.IsDir() {
			content, _ := os.ReadFile(path)
			fmt.Fprintf(&text, "%s\n", content)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return text.String()
}

// generator makes projects and changes them.
type generator struct{ *rand.Rand }

func (g *generator) one(of ...string) string { return of[g.IntN(len(of))] }

// known are the files that a project begins with.
func known() []string {
	return []string{"a", "b", "x/a", "x/c.txt", "y/z.d/b", "z.d/.e", "x-amd64", "x-arm64"}
}

// path is a path in the context, of few names, so that patterns meet them.
func (g *generator) path() string {
	if g.IntN(4) > 0 {
		return g.one(known()...)
	}
	parts := []string{g.one("a", "b", "c.txt", "d.txt", ".e", "f g", "é")}
	for g.IntN(2) == 0 && len(parts) < 3 {
		parts = append([]string{g.one("x", "y", "z.d")}, parts...)
	}
	return strings.Join(parts, "/")
}

// source is what a COPY names.
func (g *generator) source() string {
	switch g.IntN(8) {
	case 0:
		return "."
	case 1:
		return g.one("*.txt", "*", "?", "x*/", "[ab]", "x/*", "*/a", "y/*/b")
	case 2:
		return "../" + g.path()
	case 3:
		return g.one("/x/", "./y/", "x/../y/", "l", "l/a", "z.d/.")
	}
	return g.path()
}

func (g *generator) dockerfile() string {
	var text strings.Builder
	text.WriteString("FROM scratch AS one\n")
	if g.IntN(2) == 0 {
		text.WriteString("ONBUILD COPY [\"" + g.source() + "\", \"/onbuild/\"]\n")
	}
	for range 1 + g.IntN(2) {
		text.WriteString(g.one("COPY", "ADD") + ` ["` + g.source() + `", "/to` + g.one("", "2") + "/\"]\n")
	}
	if g.IntN(2) == 0 {
		text.WriteString(g.one("FROM one\n", "FROM one AS two\n", "FROM scratch\nCOPY --from=one / /one/\n", "FROM scratch AS two\nCOPY b /\nFROM one\n"))
		text.WriteString("ARG WHAT=" + g.path() + "\nARG TARGETARCH\n")
		text.WriteString(g.one("", "COPY [\"$WHAT\", \"/w/\"]\n", "COPY x-$TARGETARCH /\n", "COPY --chmod=700 [\""+g.source()+"\", \"/m/\"]\n"))
	}
	return text.String()
}

func (g *generator) rules() string {
	var rules []string
	for range 1 + g.IntN(4) {
		rules = append(rules, g.one("", "", "!")+g.one("", "/", "**/")+g.one("x", "y/", "*.txt", "a", "*", "x/a", "z.d/*", "**/b", ".e", "Dockerfile", "# word", "[ab]", "f g", "."))
	}
	return strings.Join(rules, g.one("\n", "\r\n", "\n\n"))
}

func (g *generator) project(t *testing.T, root string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(root, "docker-compose.yml"), []byte("services: {web: {build: web}}\n"), 0o600))
	web := filepath.Join(root, "web")
	for _, name := range known() {
		put(t, filepath.Join(web, name), name)
	}
	must(t, os.Symlink(g.one("x", "../x", "y/z.d", "/x", "a", "nowhere"), filepath.Join(web, "l")))
	put(t, filepath.Join(web, "Dockerfile"), g.dockerfile())
	if g.IntN(2) == 0 {
		put(t, filepath.Join(web, g.one(".dockerignore", "Dockerfile.dockerignore")), g.rules())
	}
	put(t, filepath.Join(root, "rules"), "a\nx\n")
}

// change changes something and says what.
func (g *generator) change(t *testing.T, root string) string {
	t.Helper()
	web, name := filepath.Join(root, "web"), g.path()
	path := filepath.Join(web, name)
	info, err := os.Lstat(path)
	switch kind := g.IntN(10); {
	case kind == 0 && g.IntN(3) == 0:
		put(t, filepath.Join(web, "Dockerfile"), g.dockerfile())
		return "another Dockerfile"
	case kind == 1:
		name := g.one(".dockerignore", "Dockerfile.dockerignore")
		_ = os.Remove(filepath.Join(web, name)) // it need not be there
		if g.IntN(3) == 0 {
			must(t, os.Symlink(g.one("../rules", "c.txt", "/a"), filepath.Join(web, name)))
		} else if g.IntN(2) == 0 {
			put(t, filepath.Join(web, name), g.rules())
		}
		return "another " + name
	case kind == 2 && err == nil:
		must(t, os.RemoveAll(path))
		return "removing " + name
	case kind == 3 && err == nil && info.Mode().IsRegular():
		must(t, os.Chmod(path, fs.FileMode(g.IntN(8))<<6|0o600))
		return "another mode of " + name
	case kind == 4:
		must(t, os.RemoveAll(path))
		must(t, errors.Join(os.MkdirAll(filepath.Dir(path), 0o750), os.Symlink(g.one("a", "../x", "/y", "b", "../../rules"), path)))
		return "a link " + name
	case kind == 5:
		must(t, os.RemoveAll(path))
		must(t, os.MkdirAll(path, 0o750))
		return "a folder " + name
	case kind == 6:
		must(t, os.RemoveAll(path))
		must(t, errors.Join(os.MkdirAll(filepath.Dir(path), 0o750), os.WriteFile(path, []byte("hard"), 0o600)))
		other := filepath.Join(web, "hard")
		_ = os.Remove(other) // it need not be there
		must(t, os.Link(path, other))
		return "a hard link of " + name
	}
	_ = os.RemoveAll(path) // in place of a folder or a link
	put(t, path, strconv.Itoa(g.Int()))
	return "content of " + name
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// put writes a file and the folders above it; a file in their place goes.
func put(t *testing.T, path, text string) {
	t.Helper()
	for dir := filepath.Dir(path); len(dir) > 1; dir = filepath.Dir(dir) {
		if info, err := os.Lstat(dir); err == nil && !info.IsDir() && !slices.Contains([]string{"tmp"}, info.Name()) {
			must(t, os.Remove(dir))
		}
	}
	must(t, errors.Join(os.MkdirAll(filepath.Dir(path), 0o750), os.WriteFile(path, []byte(text), 0o600)))
}
