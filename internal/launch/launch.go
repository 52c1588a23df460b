// Package launch is "go run magefile.go": Mage, without what Mage writes into the checkout. Mage puts a main
// program beside the targets while it compiles them, so that of two that are started together one finds
// that of the other, half written or gone, and a checkout that is only to be read cannot be used. Here Mage
// sees a copy of the targets in a temporary folder, and Go compiles those of the checkout, with Mage's
// main program laid over it.
package launch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/gofrs/flock"
	"github.com/magefile/mage/mage"
	"github.com/otiai10/copy"

	"github.com/im2-audio/im2/internal/run"
)

const (
	// goName is the name under which Mage starts this program in place of the Go command.
	goName = "go-for-mage"
	// layout is the file in the temporary folder that says what is laid over the checkout.
	layout = "overlay.json"
	// mageMain is the program that Mage writes.
	mageMain = "mage_output_file.go"
)

// overlay is what "go build -overlay" reads: paths of files, and of those to read in their place.
type overlay struct{ Replace map[string]string }

// Main runs the command line of Mage, and returns its exit code.
func Main(argv []string) int {
	if strings.TrimSuffix(filepath.Base(argv[0]), ".exe") == goName {
		return goCommand(argv[1:])
	}
	inv, cmd, err := mage.Parse(os.Stderr, os.Stdout, argv[1:])
	if err != nil || (cmd != mage.None && cmd != mage.CompileStatic) {
		return mage.Main() // it says what is wrong, or needs no targets
	}
	inv.Stdin, inv.Stdout, inv.Stderr = os.Stdin, os.Stdout, os.Stderr
	remove, err := prepare(&inv)
	if err != nil {
		fmt.Fprintln(os.Stderr, "Error: preparing the targets:", err) //nolint:errcheck // nothing else could be told
		return 1
	}
	defer remove()
	return mage.Invoke(inv)
}

// prepare turns an invocation to a copy of its magefiles folder. The function that it returns removes the copy.
func prepare(inv *mage.Invocation) (func(), error) {
	checkout, err := filepath.Abs(inv.Dir)
	if err != nil {
		return nil, err
	}
	targets := filepath.Join(checkout, mage.MagefilesDirName)
	if _, err := os.Stat(targets); errors.Is(err, os.ErrNotExist) {
		return func() {}, nil // -d names another folder: Mage says what is wrong with it
	}
	if inv.WorkDir == "" {
		inv.WorkDir = checkout
	}
	if inv.CompileOut != "" {
		if inv.CompileOut, err = filepath.Abs(inv.CompileOut); err != nil {
			return nil, err
		}
	}
	// Mage would name a file of the copy.
	if _, err := parser.ParseDir(token.NewFileSet(), targets, nil, parser.SkipObjectResolution); err != nil { //nolint:staticcheck // no types, no modules: only whether it is Go
		return nil, err
	}
	temp, err := os.MkdirTemp("", "im2-mage-")
	if err != nil {
		return nil, err
	}
	remove := func() { _ = os.RemoveAll(temp) } // it is small, and the system's temporary folder
	if err := fill(temp, targets); err != nil {
		remove()
		return nil, err
	}
	// The name of what Mage compiles is a digest of the targets alone: another checkout's must not take its place.
	if !filepath.IsAbs(inv.CacheDir) { // Mage's name for it where there is no home folder
		inv.CacheDir = temp
	}
	sum := sha256.Sum256([]byte(checkout))
	inv.CacheDir = filepath.Join(inv.CacheDir, hex.EncodeToString(sum[:8]))
	inv.Dir, inv.GoCmd = temp, filepath.Join(temp, goName+exe())
	return remove, os.MkdirAll(inv.CacheDir, 0o755)
}

// fill puts into a temporary folder the targets, this program as Go command, and what that is to know.
func fill(temp, targets string) error {
	inTemp := filepath.Join(temp, mage.MagefilesDirName)
	if err := copy.Copy(targets, inTemp, copy.Options{Skip: func(_ os.FileInfo, path, _ string) (bool, error) {
		return filepath.Base(path) == mageMain, nil
	}, AddPermission: 0o600}); err != nil {
		return err
	}
	text, err := json.Marshal(overlay{map[string]string{filepath.Join(targets, mageMain): filepath.Join(inTemp, mageMain)}})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(inTemp, layout), text, 0o600); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	link := filepath.Join(temp, goName+exe())
	if err := os.Symlink(self, link); err != nil { // Windows lets few do that
		return copy.Copy(self, link)
	}
	return nil
}

// goCommand is the Go command as Mage calls it. What Mage compiles in the temporary folder is compiled in the checkout.
func goCommand(args []string) int {
	cmd := run.Cmd{Name: "go", Args: args, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	if text, err := os.ReadFile(layout); err == nil && len(args) > 0 && args[0] == "build" {
		var laid overlay
		if err := json.Unmarshal(text, &laid); err != nil {
			return fail(err)
		}
		for path := range laid.Replace {
			cmd.Dir = filepath.Dir(path)
		}
		here, err := os.Getwd()
		if err != nil {
			return fail(err)
		}
		cmd.Args = slices.Insert(slices.Clone(args), 1, "-overlay="+filepath.Join(here, layout))
		// Go writes the program in more than one step, unless it is there already.
		lock := flock.New(args[slices.Index(args, "-o")+1] + ".lock")
		if err := lock.Lock(); err != nil {
			return fail(err)
		}
		defer lock.Close() //nolint:errcheck // the process ends, and with it the lock
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run.Local{}.Run(ctx, cmd)
	if exited, ok := errors.AsType[interface {
		error
		ExitCode() int
	}](err); ok {
		return exited.ExitCode() // it has said why
	}
	if err != nil {
		return fail(err)
	}
	return 0
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "Error: compiling the targets:", err) //nolint:errcheck // nothing else could be told
	return 1
}

func exe() string {
	if runtime.GOOS == "windows" {
		return ".exe"
	}
	return ""
}
