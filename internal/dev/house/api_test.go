package house_test

import (
	"bytes"
	"go/ast"
	"go/build"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/diff"
)

// libraries are the packages that others import.
func libraries() []string {
	return []string{"nonroot", "nonroot/kubernetes", "nonroot/report", "nonroot/verify", "ownership"}
}

// TestTheLibrariesAreKept compares all that the libraries export with testdata/api, so that no change of it goes
// unseen. Read what changed; IM2_UPDATE_SCRIPTS=1 go test ./internal/dev/house -run Libraries writes it.
func TestTheLibrariesAreKept(t *testing.T) {
	t.Parallel()
	for _, name := range libraries() {
		golden := filepath.Join("internal", "dev", "house", "testdata", "api", strings.ReplaceAll(name, "/", "-")+".txt")
		got := exported(t, name)
		if os.Getenv("IM2_UPDATE_SCRIPTS") != "" {
			if err := os.WriteFile(golden, got, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("what %s exports has changed; IM2_UPDATE_SCRIPTS=1 go test ./internal/dev/house -run Libraries writes it:\n%s",
				name, diff.Diff(golden, want, "now", got))
		}
	}
}

// TestTheLibrariesStandAlone holds what the libraries import to what importers expect: nothing of it knows
// targets, their exit codes or their terminal.
func TestTheLibrariesStandAlone(t *testing.T) {
	t.Parallel()
	for _, name := range libraries() {
		for _, unwanted := range []string{"internal/exit", "internal/term", "internal/project", "internal/cli", "internal/docker/engine"} {
			if slices.Contains(deps(t, "linux", "./"+name), root+unwanted) {
				t.Errorf("%s imports %s, directly or through another package", name, unwanted)
			}
		}
	}
}

// exported are the declarations of all that a package exports on Linux, without comments and bodies, in order.
func exported(t *testing.T, folder string) []byte {
	t.Helper()
	context := build.Default
	context.GOOS, context.GOARCH, context.CgoEnabled = "linux", "amd64", false
	pkg, err := context.ImportDir(folder, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, name := range pkg.GoFiles {
		files := token.NewFileSet()
		f, err := parser.ParseFile(files, filepath.Join(folder, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.FileExports(f)
		for _, d := range f.Decls {
			if text, ok := declaration(t, files, d); ok {
				all = append(all, text)
			}
		}
	}
	slices.Sort(all)
	return []byte(strings.Join(all, "\n") + "\n")
}

func declaration(t *testing.T, files *token.FileSet, d ast.Decl) (string, bool) {
	t.Helper()
	switch d := d.(type) {
	case *ast.GenDecl:
		if d.Tok == token.IMPORT {
			return "", false
		}
	case *ast.FuncDecl:
		d.Body = nil
		if d.Recv != nil && !ast.IsExported(receiver(d.Recv.List[0].Type)) {
			return "", false
		}
	}
	var text bytes.Buffer
	if err := printer.Fprint(&text, files, d); err != nil {
		t.Fatal(err)
	}
	// Without empty lines and columns, which other declarations decide.
	var lines []string
	for line := range strings.Lines(text.String()) {
		indent := line[:len(line)-len(strings.TrimLeft(line, "\t"))]
		if fields := strings.Fields(line); len(fields) > 0 {
			lines = append(lines, indent+strings.Join(fields, " "))
		}
	}
	return strings.Join(lines, "\n"), true
}

// receiver is the name of a method's type.
func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}
