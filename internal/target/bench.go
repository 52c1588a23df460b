package target

import (
	"context"
	"os"
	"runtime"

	"github.com/im2-audio/im2/internal/bench"
	"github.com/im2-audio/im2/internal/exit"
)

// Bench are the flags of the target of that name.
type Bench struct {
	// Permissions measures resetting owners and modes.
	Permissions bool
	// Files, Folders and Runs are the size of the tree and how often each way runs.
	Files, Folders, Runs int
	// Wide is how many files one more case has in one folder; 0 leaves it out.
	Wide int
	// Dir is where the tree is made; "" for the project's .im2.
	Dir string
	// JSON prints the report as JSON.
	JSON bool
}

// Bench measures ours beside what others do.
func (t Target) Bench(ctx context.Context, o Bench) error {
	p, err := t.project(ctx)
	if err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	b := &bench.Bench{Home: t.Home, Environ: p.Settings.Environ(), Runner: t.Runner, UI: t.UI}
	report, err := t.measure(ctx, b, p.Root, o)
	if err != nil {
		report.Incomplete = exit.Outermost(err).Error()
	}
	if o.JSON && !report.Empty() {
		if jsonErr := t.UI.JSON(report); err == nil {
			err = jsonErr
		}
	}
	return err
}

// measure runs the parts that were asked for and shows the table of each as it ends. What
// was measured before an error is returned with it.
func (t Target) measure(ctx context.Context, b *bench.Bench, root string, o Bench) (r bench.Report, err error) {
	permissions, err := b.Permissions(ctx, bench.Tree{
		Root: root, Dir: o.Dir, Files: o.Files, Folders: o.Folders, Runs: o.Runs, Wide: o.Wide,
	})
	if len(permissions.Cases) > 0 {
		r.Permissions = &permissions
	}
	t.showCases(o, permissions.Cases, err)
	return r, err
}

// showCases prints the cases of one part, which may have ended with an error.
func (t Target) showCases(o Bench, cases []bench.Case, err error) {
	if len(cases) == 0 {
		return
	}
	if err != nil {
		t.UI.Note("incomplete: the cases that were measured before the end")
	}
	if !o.JSON {
		t.UI.Table(bench.Rows(cases))
	}
}

// check refuses what cannot be measured.
func (o Bench) check() error {
	switch {
	case !o.Permissions:
		return exit.Errorf(exit.Unusable, "nothing to measure: -permissions=false leaves no part")
	case o.Files < 1 || o.Folders < 1 || o.Runs < 1 || o.Wide < 0:
		return exit.Errorf(exit.Unusable, "-files=%d -folders=%d -runs=%d -wide=%d: at least one file, folder and run are needed", o.Files, o.Folders, o.Runs, o.Wide)
	case runtime.GOOS != "linux":
		return exit.Errorf(exit.Unusable, "measuring how owners are set: only Linux is measured; the services' files are Linux's, too")
	case os.Geteuid() != 0:
		return exit.Errorf(exit.Unusable, "measuring how owners are set: it gives files to others, which only root may; \"sudo env PATH=$PATH mage bench\"")
	}
	return nil
}
