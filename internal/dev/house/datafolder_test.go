package house_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// dataFolder are the folders of packages that handle what is below the data folder.
var dataFolder = []string{
	"internal/helper/probe", "internal/machine/doctor", "internal/permissions", "modules/demucs", "modules/organizer", "modules/watcher", "modules/web", "modules/web/server", "nonroot/verify",
	"pipeline/metrics", "pipeline/model", "pipeline/notify", "pipeline/pause", "pipeline/proof", "pipeline/prune", "pipeline/queue", "pipeline/separate", "pipeline/service", "pipeline/spool",
}

// byPath are the functions that find a file by its path, and follow links in it.
var byPath = strings.Fields(`os.Chmod os.Chown os.Chtimes os.Create os.CreateTemp os.DirFS os.Lchown os.Link os.Lstat os.Mkdir os.MkdirAll os.MkdirTemp
	os.Open os.OpenFile os.OpenRoot os.ReadDir os.ReadFile os.Readlink os.Remove os.RemoveAll os.Rename os.Stat os.Symlink os.Truncate os.WriteFile
	filepath.Glob filepath.Walk filepath.WalkDir syscall.Open unix.Chmod unix.Chown unix.Lchown unix.Mkdir unix.Open unix.Rename unix.Unlink`)

// elsewhere are the calls by path in these packages that stay outside of the data folder, or stop at its edge, and where.
var elsewhere = map[string]string{
	"internal/helper/probe/canary.go os.OpenRoot":             "the folder that is mounted, in which all else is done by descriptor",
	"internal/helper/probe/probe.go filepath.Glob":            "/proc",
	"internal/helper/probe/probe.go os.OpenFile":              "tries whether a system's folder can be written, with a random name",
	"internal/helper/probe/probe.go os.ReadFile":              "/proc",
	"internal/helper/probe/probe.go os.Remove":                "what it made in a system's folder",
	"internal/machine/doctor/check_build.go os.ReadFile":      "the certificates of this machine",
	"internal/machine/doctor/check_container.go os.ReadFile":  "our own program",
	"internal/machine/doctor/check_data.go os.Lstat":          "looks at folders, and changes nothing",
	"internal/machine/doctor/check_hardware.go filepath.Glob": "/dev",
	"internal/machine/doctor/check_hardware.go os.Lstat":      "/dev",
	"internal/machine/doctor/check_mounts.go os.ReadFile":     "/sys",
	"internal/machine/doctor/probe/inside.go os.Open":         "/proc",
	"internal/machine/doctor/probe/inside.go os.OpenRoot":     "the folder that was mounted into its container",
	"internal/machine/doctor/scratch.go os.OpenRoot":          "the data folder itself, in which all else is done by descriptor",
	"internal/permissions/below.go os.Stat":                   "compares a folder's number with that of the descriptor in use",
	"internal/permissions/reset.go os.Lstat":                  "the data folder itself, which no service can exchange",
	"internal/permissions/reset.go os.Mkdir":                  "the data folder itself",
	"modules/demucs/command_linux.go os.ReadFile":             "/proc",
	"modules/demucs/engine.go os.MkdirTemp":                   "/tmp of the worker's container",
	"modules/demucs/engine.go os.OpenRoot":                    "/tmp of the worker's container",
	"modules/demucs/engine.go os.RemoveAll":                   "/tmp of the worker's container",
	"modules/demucs/engine.go os.WriteFile":                   "/tmp of the worker's container",
	"modules/demucs/main.go os.DirFS":                         "/sys and /proc",
	"nonroot/verify/clean.go os.OpenRoot":                     "the data folder itself, in which all else is done by descriptor",
	"nonroot/verify/foreign.go os.Stat":                       "compares folders by their numbers, and changes nothing",
	"nonroot/verify/image.go filepath.Glob":                   "the user's cache",
	"nonroot/verify/image.go os.Chtimes":                      "the user's cache",
	"nonroot/verify/image.go os.MkdirAll":                     "the user's cache",
	"nonroot/verify/image.go os.ReadFile":                     "the user's cache",
	"nonroot/verify/image.go os.Remove":                       "the user's cache",
	"nonroot/verify/image.go os.Stat":                         "the user's cache",
	"nonroot/verify/observe.go os.ReadFile":                   "/proc, and our own program",
	"pipeline/model/cache.go os.Open":                         "the user's cache",
	"pipeline/model/download.go os.ReadFile":                  "the certificates of this machine",
	"pipeline/model/download.go os.Stat":                      "the certificates of this machine",
	"pipeline/model/own.go os.OpenFile":                       "the user's own model",
	"pipeline/model/store.go os.CreateTemp":                   "the user's cache",
	"pipeline/model/store.go os.MkdirAll":                     "the user's cache",
	"pipeline/model/store.go os.Open":                         "the user's cache",
	"pipeline/model/store.go os.OpenFile":                     "the user's cache",
	"pipeline/model/store.go os.Remove":                       "the user's cache",
	"pipeline/model/store.go os.Rename":                       "the user's cache",
	"pipeline/proof/rights.go os.ReadFile":                    "/proc",
	"pipeline/separate/report.go os.OpenFile":                 "the user's own song",
	"pipeline/separate/report.go os.OpenRoot":                 "the data folder itself, in which all else is done by descriptor",
	"pipeline/separate/report.go os.Stat":                     "the user's own song, and the folder input/ to compare with its folder",
	"pipeline/separate/follow.go os.Lstat":                    "looks whether a song is still in input/, and changes nothing",
	"pipeline/service/health.go os.ReadFile":                  "/tmp of the service's container",
	"pipeline/service/health.go os.Stat":                      "/tmp of the service's container",
	"pipeline/spool/spoolbench/main.go os.Mkdir":              "its own folder",
	"pipeline/spool/spoolbench/main.go os.MkdirTemp":          "its own folder",
	"pipeline/spool/spoolbench/main.go os.WriteFile":          "its own folder",
}

// TestTheDataFolderIsReachedThroughOnePackage holds all that services can exchange for a link to package place and to os.Root: a call by
// path was how files outside of the data folder were overwritten.
func TestTheDataFolderIsReachedThroughOnePackage(t *testing.T) {
	t.Parallel()
	home := "." // TestMain works in the root folder
	unused := make(map[string]bool)
	for call := range elsewhere {
		unused[call] = true
	}
	for _, folder := range dataFolder {
		err := filepath.WalkDir(filepath.Join(home, folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			rel, err := filepath.Rel(home, path)
			for _, call := range callsByPath(t, path) {
				call = filepath.ToSlash(rel) + " " + call
				if _, known := elsewhere[call]; !known {
					t.Errorf("%s: what is below the data folder is reached through pipeline/place or an os.Root; if the path is elsewhere, say where in this test", call)
				}
				delete(unused, call)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for call := range unused {
		t.Errorf("%s is not called any more", call)
	}
}

func callsByPath(t *testing.T, path string) (calls []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && slices.Contains(byPath, x.Name+"."+s.Sel.Name) {
				calls = append(calls, x.Name+"."+s.Sel.Name)
			}
		}
		return true
	})
	return calls
}
