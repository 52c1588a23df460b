package project

import (
	"slices"
	"strings"

	"github.com/im2-audio/im2/internal/run"
)

// Unread are the names in the settings files that are no settings, and that the Compose files do not mention.
func (p *Project) Unread() []Setting {
	known := p.Settings.Known()
	var all []Setting
	for _, s := range p.Settings.All() {
		is := func(k Known) bool { return k.Name == s.Name }
		if s.Line > 0 && !slices.ContainsFunc(known, is) && !p.mentions(s.Name) {
			all = append(all, s)
		}
	}
	return all
}

// mentions reports whether a Compose file has the word, as in ${WORD}.
func (p *Project) mentions(word string) bool {
	for _, path := range p.Compose.ComposeFiles {
		if text, err := run.ReadFile(path); err == nil && strings.Contains(string(text), word) {
			return true
		}
	}
	return false
}
