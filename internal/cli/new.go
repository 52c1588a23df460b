package cli

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/scaffold"
)

// New are the flags of the target of that name.
type New struct {
	// Name is the service's, and User its user's.
	Name, User string
	// DryRun only shows what would be written, JSON prints the answer as JSON.
	DryRun, JSON bool
	// Wait is how long to wait for other commands on the project; nil is as long as it takes.
	Wait *time.Duration
}

// made is the answer of "mage new -json".
type made struct {
	Service string `json:"service"`
	User    string `json:"user"`
	// Folder is the new one, relative to the project, and Files are those in it.
	Folder string   `json:"folder"`
	Files  []string `json:"files"`
	// Compose is the Compose file that has the service, from Line on.
	Compose string `json:"compose"`
	Line    int    `json:"line"`
	// Written says that all of this is there now.
	Written bool `json:"written"`
}

// New makes a service from modules/Dockerfile.template and adds it to the Compose file.
func (t Target) New(ctx context.Context, o New) error {
	for _, err := range []error{scaffold.CheckName(o.Name), scaffold.CheckUser(o.User)} {
		if err != nil {
			return err
		}
	}
	if !o.DryRun {
		root, err := filepath.EvalSymlinks(t.Root) // as where the project is opened
		if err != nil {
			return exit.Errorf(exit.Unusable, "finding the project's folder: %w", err)
		}
		release, err := t.alone(ctx, root, o.Wait)
		if err != nil {
			return err
		}
		defer release()
	}
	s, err := scaffold.Prepare(ctx, scaffold.Request{Root: t.Root, Environ: t.Environ, Name: o.Name, User: o.User})
	if err != nil {
		return err
	}
	var files []scaffold.File
	if o.DryRun {
		files, err = s.Files()
	} else {
		files, err = s.Write(ctx)
	}
	if err != nil {
		return err
	}
	return t.showNew(s, files, o)
}

func (t Target) showNew(s scaffold.Service, files []scaffold.File, o New) error {
	answer := made{
		Service: s.Name, User: s.User, Folder: s.Rel(s.Folder), Compose: s.Rel(s.Compose), Line: s.Line, Written: !o.DryRun, Files: []string{},
	}
	for _, f := range files {
		answer.Files = append(answer.Files, f.Name)
	}
	switch {
	case o.JSON:
		return t.UI.JSON(answer)
	case o.DryRun:
		for _, f := range files {
			t.diff("/dev/null", nil, "b/"+f.Name, f.Text)
		}
		t.diff("a/"+answer.Compose, s.Before, "b/"+answer.Compose, s.After)
		return nil
	}
	for _, name := range answer.Files {
		t.UI.Result("%s", name)
	}
	t.UI.Result("%s:%d", answer.Compose, s.Line)
	t.UI.Note("made service %s. Its work goes into %s; \"mage up\" builds and starts it, \"mage logs -service=%s\" shows what it says",
		s.Name, s.Work(), s.Name)
	return nil
}

func (t Target) diff(from string, before []byte, to string, after []byte) {
	t.UI.Result("%s", strings.TrimSuffix(string(diff.Diff(from, before, to, after)), "\n"))
}
