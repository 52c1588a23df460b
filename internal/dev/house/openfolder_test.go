package house_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// opensFolder are the calls that open a folder by a name of which a FIFO in its place would be waited for, and why that cannot be there.
var opensFolder = map[string]string{
	"internal/cli/jobs.go os.OpenRoot":                    "the data folder itself, which no service can exchange",
	"internal/machine/doctor/probe/inside.go os.OpenRoot": "the data folder, as it was mounted",
	"internal/machine/doctor/scratch.go os.OpenRoot":      "the data folder itself",
	"modules/demucs/engine.go os.OpenRoot":                "/tmp of the worker's container",
	"nonroot/kubernetes/folder.go root.FS":                "a folder with the user's own manifests",
	"nonroot/verify/clean.go os.OpenRoot":                 "the data folder itself",
	"ownership/ownership.go os.OpenRoot":                  "the folder that is to be reset",
	"ownership/plain.go os.OpenRoot":                      "the folder that is to be reset",
	"pipeline/place/os_other.go os.OpenRoot":              "where no service runs",
	"pipeline/place/place.go os.OpenRoot":                 "a folder that was opened as one, by its descriptor",
	"pipeline/place/root.go os.OpenRoot":                  "the data folder itself",
	"pipeline/separate/report.go os.OpenRoot":             "the data folder itself",
}

// TestNoFIFOIsWaitedForInPlaceOfAFolder holds what opens a folder to place.OpenRoot and place.OpenFolderIn, or to a name that ends in
// "/.": os.Root opens a folder as any file, and waits for a writer where a service put a FIFO in its place. A Root's FS opens as it does.
func TestNoFIFOIsWaitedForInPlaceOfAFolder(t *testing.T) {
	t.Parallel()
	used := make(map[string]bool)
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != "." {
			return fs.SkipDir
		}
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		for _, call := range folderCalls(t, path, nil) {
			call = filepath.ToSlash(path) + " " + call
			if used[call] = true; opensFolder[call] == "" {
				t.Errorf(`%s: use place.OpenRoot or place.OpenFolderIn, or a name that ends in "/."; if no FIFO can be there, say why in this test`, call)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for call := range opensFolder {
		if !used[call] {
			t.Errorf("%s is not called any more", call)
		}
	}
}

func TestAFolderThatIsOpenedByItsNameIsFound(t *testing.T) {
	t.Parallel()
	const code = `package x
func f() {
	os.OpenRoot(data); root.OpenRoot(name); s.parent.OpenRoot(filepath.Join(a, ".")); open(root.FS())
	root.OpenRoot("."); root.OpenRoot(name + "/."); place.OpenRoot(data, name)
}`
	if got := strings.Join(folderCalls(t, "x.go", code), " "); got != "os.OpenRoot root.OpenRoot parent.OpenRoot root.FS" {
		t.Errorf("found %s", got)
	}
}

// folderCalls are the calls in a file that may wait for a FIFO.
func folderCalls(t *testing.T, path string, text any) (calls []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		s, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		of := ""
		switch x := s.X.(type) {
		case *ast.Ident:
			of = x.Name
		case *ast.SelectorExpr:
			of = x.Sel.Name
		}
		bare := s.Sel.Name == "OpenRoot" && of != "place" && len(call.Args) == 1 && !endsInDot(call.Args[0])
		if bare || s.Sel.Name == "FS" && len(call.Args) == 0 {
			calls = append(calls, of+"."+s.Sel.Name)
		}
		return true
	})
	return calls
}

// endsInDot reports whether a name is "." or something + "/.".
func endsInDot(name ast.Expr) bool {
	if sum, ok := name.(*ast.BinaryExpr); ok {
		text, ok := sum.Y.(*ast.BasicLit)
		return ok && text.Value == `"/."`
	}
	text, ok := name.(*ast.BasicLit)
	return ok && text.Value == `"."`
}
