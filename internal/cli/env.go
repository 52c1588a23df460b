package cli

import (
	"context"

	"github.com/dustin/go-humanize/english"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/machine/doctor"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/safetext"
)

// env is the answer of "mage env -json".
type env struct {
	// Root is the project's folder.
	Root string `json:"root"`
	// Settings are those that are known, with a problem where one cannot be used.
	Settings []project.Explained `json:"settings"`
	// Problems belong to no known setting.
	Problems []string `json:"problems"`
	// Typos are names in settings files that nothing reads, with what was probably meant.
	Typos []string `json:"typos"`
}

// Env prints every setting with its value, who set it and what it is for. Those that cannot
// be used are shown, too, and named at the end.
func (t Target) Env(ctx context.Context, asJSON bool) error {
	e, err := doctor.Settings(ctx, t.Root, t.Environ)
	if err != nil {
		return err
	}
	guessed := []string{}
	if e.Project != nil {
		guessed = typos(e.Project)
	}
	if e.Compose != nil {
		e.Problems = append(e.Problems, e.Compose.Error())
	}
	if asJSON {
		err = t.UI.JSON(env{Root: e.Root, Settings: e.Settings, Problems: append([]string{}, e.Problems...), Typos: guessed})
	} else {
		t.printEnv(e)
		for _, typo := range guessed {
			t.UI.Note("%s", typo)
		}
	}
	if err != nil || e.Usable() {
		return err
	}
	wrong := len(e.Problems)
	for _, s := range e.Settings {
		if s.Problem != "" {
			wrong++
		}
	}
	return exit.Errorf(exit.Unusable, "%s with the settings of %s", english.Plural(wrong, "problem", ""), e.Root)
}

func (t Target) printEnv(e project.Explanation) {
	var rows [][]string
	for _, s := range e.Settings {
		value, about := safetext.Line(s.Value), s.About
		if s.Value == "" {
			value = "-"
		}
		if s.Problem != "" {
			about = "REFUSED, see below"
		}
		rows = append(rows, []string{s.Name, value, doctor.Place(s), about})
	}
	t.UI.Table([]string{"SETTING", "VALUE", "SET IN", "WHAT IT IS FOR"}, rows)
	for _, s := range e.Settings {
		if s.Problem != "" {
			t.UI.Note("%s", safetext.Line(s.Problem))
		}
	}
	for _, text := range e.Problems {
		t.UI.Note("%s", safetext.Line(text))
	}
}
