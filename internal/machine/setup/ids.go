package setup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2/maybe"

	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
)

// teamHead is what .env begins with when there is none.
const teamHead = `# The team's defaults. Your own values go into .env.local (never committed); the
# process environment beats both. docs/settings.md tells more.
`

// settings are those of the project as it is, with the variables for the IDs that its Compose file names. IDs may be
// missing so far.
func (s *Setup) settings(ctx context.Context) (project.Settings, error) {
	if _, err := project.ReadSettings(s.Root, s.Environ); err != nil { // refuses what Examine only reports
		return project.Settings{}, err
	}
	p, _, err := project.Examine(ctx, s.Root, s.Environ)
	if err != nil {
		return project.Settings{}, err
	}
	return p.Settings, nil
}

func (s *Setup) settingsFile(ctx context.Context) error {
	settings, err := s.settings(ctx)
	if err != nil {
		return err
	}
	path := filepath.Join(s.Root, project.TeamFile)
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return exit.Errorf(exit.Unusable, "reading settings: %w", err)
	}
	changed, set := string(text), settings.Get
	if strings.TrimSpace(changed) == "" { // also what is set elsewhere: the file is for the team
		changed, set = teamHead, func(string) project.Setting { return project.Setting{} }
	}
	for _, name := range []string{settings.UIDName, settings.GIDName} {
		if set(name).Name == "" {
			changed = project.Assign(changed, name, "1000")
		}
	}
	if changed == string(text) {
		return nil
	}
	if err := maybe.WriteFile(path, []byte(changed), 0o644); err != nil {
		return exit.Errorf(exit.Failed, "writing the default settings: %w", err)
	}
	s.UI.Note("wrote the default IDs to %s", path)
	s.done++
	return nil
}

// remapped is how the engine translates IDs (engine.Server.Remapped); "" also where none answers.
func (s *Setup) remapped(ctx context.Context) string {
	settings, err := project.ReadSettings(s.Root, s.Environ)
	if err != nil {
		return "" // offerIDs says it
	}
	e, err := engine.Look(ctx, engine.Options{Runner: s.Runner, Environ: settings.Environ(), Home: s.Home})
	if err != nil {
		return ""
	}
	return e.Server.Remapped()
}

// offerIDs offers the user's own IDs if they differ from those in force, so that the user owns the files that
// services write. It never offers root's, nor anybody's on an engine that translates IDs: who has the user's ID in
// containers there is another one on this machine.
func (s *Setup) offerIDs(ctx context.Context, remapped string) error {
	settings, err := s.settings(ctx)
	if err != nil {
		return err
	}
	uid, gid := settings.Get(settings.UIDName), settings.Get(settings.GIDName)
	decided := uid.Source == project.FromLocal || uid.Source == project.FromEnvironment
	same := uid.Value == s.Host.UID && gid.Value == s.Host.GID
	// Elsewhere the engine runs in a virtual machine that maps owners by itself.
	unasked := s.IDs == nil && (s.Host.OS != "linux" || decided)
	if same || unasked || (s.IDs != nil && !*s.IDs) {
		return nil
	}
	if !usable(s.Host.UID, s.Host.GID) {
		if s.IDs != nil {
			s.UI.Note("you are root (%s:%s), whose IDs are never used; %s stays in use", s.Host.UID, s.Host.GID, uid.Where())
		}
		return nil
	}
	if remapped != "" {
		if s.IDs != nil {
			s.UI.Note("the engine is %s: %s:%s in containers is another user on this machine; %s stays in use", remapped, s.Host.UID, s.Host.GID, uid.Where())
		}
		return nil
	}
	if s.IDs == nil {
		if yes, err := s.agreed(ctx, uid, gid); err != nil || !yes {
			return err
		}
	}
	return s.writeIDs(settings.UIDName, settings.GIDName)
}

func usable(uid, gid string) bool {
	_, err := project.ParseID(uid)
	_, err2 := project.ParseID(gid)
	return err == nil && err2 == nil
}

func (s *Setup) agreed(ctx context.Context, uid, gid project.Setting) (bool, error) {
	why := fmt.Sprintf("you are %s:%s, but services would run as %s:%s (%s)", s.Host.UID, s.Host.GID, uid.Value, gid.Value, uid.Where())
	if s.Stdin == nil {
		s.UI.Note("%s; \"mage setup -ids\" writes yours to %s", why, project.LocalFile)
		return false, nil
	}
	return s.ask(ctx, why+"; write yours to "+project.LocalFile+"?")
}

func (s *Setup) writeIDs(uidName, gidName string) error {
	if err := project.WriteLocal(s.Root, uidName, s.Host.UID, gidName, s.Host.GID); err != nil {
		return err
	}
	s.UI.Note("wrote %s=%s and %s=%s to %s; run \"mage build\" to use them", uidName, s.Host.UID, gidName, s.Host.GID, filepath.Join(s.Root, project.LocalFile))
	s.done++
	return nil
}
