package house_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

// root is the module's path: what is behind it in an import path is a folder.
const root = "github.com/im2-audio/im2/"

// goPackage is what "go list -json" says about a package of this module.
type goPackage struct {
	ImportPath                         string
	Name, Doc                          string
	Imports, TestImports, XTestImports []string
}

// arrows are which package imports which, tests apart: a folder of this module, or what stands in it, is
// written without the module's path.
type arrows map[string][]string

// TestArrowsPointOneWay holds the imports of all packages, on every system that people have,
// to the rules of the design.
func TestArrowsPointOneWay(t *testing.T) {
	t.Parallel()
	code, tests := make(arrows), make(arrows)
	for _, system := range []string{"linux", "darwin", "windows"} {
		for _, p := range goList(t, system) {
			from := strings.TrimPrefix(p.ImportPath, root)
			code.add(from, p.Imports)
			tests.add(from, p.TestImports)
			tests.add(from, p.XTestImports)
			if p.Doc == "" && len(p.Imports) > 0 {
				t.Errorf("%s has no package comment on %s", from, system)
			}
		}
	}
	if len(code["internal/cli"]) < 10 || len(code["modules/demucs"]) == 0 || len(code["magefiles"]) == 0 || len(code["targets"]) == 0 {
		t.Fatalf("go list gave no arrows worth the name: %v", code)
	}
	for _, wrong := range slices.Concat(layers(code), cycles(code), processes(code), strangers(code)) {
		t.Error(wrong)
	}
	for _, wrong := range strangers(tests) {
		t.Error(wrong)
	}
}

// TestImportersCanBuildTheHelpers holds what targets imports to what importers need. They compile all of
// it, so it has no test library, no parser of pages and no registry client. And it has all that the
// helpers import: "go mod tidy" in a project of others finds in go.sum what targets
// imports, and the helpers are built with that.
func TestImportersCanBuildTheHelpers(t *testing.T) {
	t.Parallel()
	unwanted := []string{"testing", "testscript", "goldmark", "go-containerregistry", "testify", "go-cmp", "golang.org/x/tools", "spf13/cobra"}
	for _, system := range []string{"linux", "darwin", "windows"} {
		for _, p := range deps(t, system, "./targets") {
			if slices.ContainsFunc(unwanted, func(name string) bool { return strings.Contains(p, name) }) {
				t.Errorf("targets imports %s on %s", p, system)
			}
		}
	}
	imported := deps(t, "linux", "./targets")
	for _, p := range deps(t, "linux", "./internal/helper/im2-helper") { // what runs in containers
		if !strings.HasPrefix(p, root) && !slices.Contains(imported, p) {
			t.Errorf("the helper imports %s, which targets does not: a project that imports targets may lack its checksum", p)
		}
	}
}

// deps are all packages that a package imports, and those import, on a system.
func deps(t *testing.T, system, pkg string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", pkg)
	cmd.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("listing what %s imports on %s: %v", pkg, system, err)
	}
	return strings.Fields(string(out))
}

// TestAWrongArrowIsFound adds each kind of arrow that must not be, and one that may.
func TestAWrongArrowIsFound(t *testing.T) {
	t.Parallel()
	for arrow, find := range map[[2]string]func(arrows) []string{
		{"internal/run", "internal/docker/engine"}:            layers,
		{"internal/run", "internal/project"}:                  layers,
		{"internal/exit", "internal/run"}:                     layers,
		{"internal/build/image", "internal/cli"}:              layers,
		{"internal/cli", "targets"}:                           layers,
		{"nonroot/report", "internal/scaffold"}:               cycles, // with the arrow back
		{"internal/build/image", "os/exec"}:                   processes,
		{"modules/watcher", "os/exec"}:                        processes,
		{"internal/dev/bench", "github.com/magefile/mage/sh"}: processes,
		{"pipeline/queue", "pipeline/spool"}:                  layers,
		{"modules/organizer", "internal/exit"}:                strangers,
		{"magefiles", "pipeline/service"}:                     strangers,
		{"targets", "pipeline/spool"}:                         strangers,
		{"pipeline/job", "pipeline/spool"}:                    layers,
		{"pipeline/place", "modules/demucs/engine"}:           layers,
		{"pipeline/options", "internal/exit"}:                 layers,
		{"pipeline/options", "pipeline/spool"}:                layers,
		{"pipeline/audio", "magefiles"}:                       layers,
		{"pipeline/weights", "os/exec"}:                       processes,
		{"pipeline/weights", "pipeline/audio"}:                cycles, // with the arrow back
	} {
		graph := arrows{"internal/scaffold": {"nonroot"}, "internal/build/image": {"internal/run"}, "internal/run": {"os/exec"}}
		graph.add("pipeline/queue", []string{"pipeline/job"}) // What both sides share, both may know.
		graph.add("pipeline/spool", []string{"pipeline/job"})
		graph.add("pipeline/audio", []string{"pipeline/weights"})
		if find := slices.Concat(processes(graph), strangers(graph)); len(find) > 0 {
			t.Errorf("found fault with what is right: %q", find)
		}
		graph.add(arrow[0], []string{arrow[1]})
		if len(find(graph)) == 0 {
			t.Errorf("the arrow %s -> %s was not found", arrow[0], arrow[1])
		}
	}
}

// goList asks the Go command for all packages as they are on a system.
func goList(t *testing.T, system string) []goPackage {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-tags=mage", "-json=ImportPath,Name,Doc,Imports,TestImports,XTestImports", "./...")
	cmd.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("listing the packages on %s: %v", system, err)
	}
	var all []goPackage
	for list := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := list.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func (a arrows) add(from string, to []string) {
	for _, p := range to {
		p = strings.TrimPrefix(p, root)
		if !slices.Contains(a[from], p) {
			a[from] = append(a[from], p)
		}
	}
}

// each calls do with every arrow, in an order that is the same each time.
func (a arrows) each(do func(from, to string)) {
	for _, from := range slices.Sorted(maps.Keys(a)) {
		for _, to := range a[from] {
			do(from, to)
		}
	}
}

// family is the part of the project that a package belongs to: internal/docker/engine is of
// internal/docker. Packages of others have none.
func family(pkg string) string {
	parts := strings.Split(pkg, "/")
	switch parts[0] {
	case "magefiles", "targets", "cmd", "ownership", "nonroot":
		return parts[0]
	case "internal", "modules", "pipeline":
		if len(parts) > 1 {
			return path.Join(parts[0], parts[1])
		}
	}
	return ""
}

// layers are the arrows that point up. exit is the vocabulary of all, and the leaves know nothing
// but it and pipeline; only the doors know internal/cli, and nobody knows a door but magefiles and cmd;
// services do not know each other; what both sides share knows neither of them.
func layers(a arrows) (wrong []string) {
	leaves := []string{"internal/exit", "internal/project", "internal/run", "internal/term"}
	doors := []string{"magefiles", "targets", "cmd"}
	a.each(func(from, to string) {
		here, there := family(from), family(to)
		switch {
		case there == "" || here == there:
		case strings.HasPrefix(here, "pipeline/") && side(from) == "" && (!strings.HasPrefix(there, "pipeline/") || side(to) != ""):
			wrong = append(wrong, fmt.Sprintf("%s imports %s: both sides share it, and it knows neither", from, to))
		case strings.HasPrefix(here, "pipeline/") && strings.HasPrefix(there, "modules/"):
			wrong = append(wrong, fmt.Sprintf("%s imports %s: no package knows a service", from, to))
		case strings.HasPrefix(there, "pipeline/") && side(to) == "" && here != "internal/exit":
		case here == "internal/project" && slices.Contains([]string{"ownership", "internal/run", "internal/safetext"}, there):
			// Settings name an owner, are the environment of what run starts, and have names that others chose.
		case there == "internal/safetext" && slices.Contains([]string{"internal/exit", "internal/term"}, here):
			// What both print is safe, whoever wrote it; safetext imports nothing.
		case here == "internal/exit", slices.Contains(leaves, here) && there != "internal/exit":
			wrong = append(wrong, fmt.Sprintf("%s imports %s: exit, project, run and term are at the end of all arrows", from, to))
		case there == "internal/cli" && !slices.Contains(doors, here), slices.Contains(doors, there) && here != "magefiles" && here != "cmd":
			wrong = append(wrong, fmt.Sprintf("%s imports %s: the targets join the others, nobody joins them", from, to))
		case strings.HasPrefix(here, "modules/") && strings.HasPrefix(there, "modules/") && there != "modules/internal":
			wrong = append(wrong, fmt.Sprintf("%s imports %s: services share only modules/internal and pipeline", from, to))
		}
	})
	return wrong
}

// cycles are the families that need one another: Go forbids cycles of packages alone.
func cycles(a arrows) (wrong []string) {
	to := make(map[string][]string)
	a.each(func(from, there string) {
		if f, g := family(from), family(there); f != "" && g != "" && f != g {
			to[f] = append(to[f], g)
		}
	})
	done := make(map[string]bool)
	var walk func(way []string)
	walk = func(way []string) {
		here := way[len(way)-1]
		if i := slices.Index(way, here); i < len(way)-1 {
			wrong = append(wrong, "a cycle of imports: "+strings.Join(way[i:], " -> "))
			return
		}
		if done[here] {
			return
		}
		for _, next := range to[here] {
			walk(append(slices.Clone(way), next))
		}
		done[here] = true
	}
	for _, f := range slices.Sorted(maps.Keys(to)) {
		walk([]string{f})
	}
	return wrong
}

// processes are the packages that could start processes. internal/run does that for the targets;
// the demucs service runs ffmpeg and an engine, and knows nothing of the targets' runner.
func processes(a arrows) (wrong []string) {
	a.each(func(from, to string) {
		switch {
		case to == "os/exec" && from != "internal/run" && from != "modules/demucs" && from != "pipeline/spooltest" && !strings.HasPrefix(from, "internal/scenario/"): // The last ones start tests and machines.
			wrong = append(wrong, from+" imports os/exec: internal/run starts the processes")
		case to == "github.com/magefile/mage/sh":
			wrong = append(wrong, from+" imports mage/sh, which expands $X in arguments and has no context: use internal/run")
		}
	})
	return wrong
}

// strangers are arrows between the targets and the services, which know each other only through
// files, and what is in those through pipeline.
func strangers(a arrows) (wrong []string) {
	a.each(func(from, to string) {
		here, there := side(from), side(to)
		if to == "pipeline/spool" && (from == "internal/permissions" || from == "internal/helper") {
			return // To cancel a job is to take it from a worker: by the rules of those, which are in one place.
		}
		if to == "internal/dev/thorough" {
			return // Every test may ask how much it is to do.
		}
		if here != "" && there != "" && here != there {
			wrong = append(wrong, fmt.Sprintf("%s imports %s: services and targets know each other only through files, and what is in those is in pipeline", from, to))
		}
	})
	return wrong
}

// side says which side a package is on: that of the targets, that of the services, or "" for what both
// may know.
func side(pkg string) string {
	switch family(pkg) {
	case "magefiles", "targets", "cmd", "nonroot", "pipeline/separate", "pipeline/model":
		return "targets"
	case "pipeline/spool", "pipeline/service", "pipeline/spooltest":
		return "services"
	}
	switch top, _, _ := strings.Cut(pkg, "/"); top {
	case "internal":
		return "targets"
	case "modules":
		return "services"
	}
	return ""
}
