package project

import (
	"fmt"
	"strings"

	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/safetext"
	"github.com/im2-audio/im2/internal/term/closest"
)

// Typos says of each name in the settings files that nothing reads, and that is nearly that of a setting, what was
// probably meant. What a Compose file mentions is read.
func (p *Project) Typos() []string {
	known := make(map[string]bool)
	var names []string
	for _, k := range p.Settings.Known() {
		known[k.Name] = true
		names = append(names, k.Name)
	}
	var all []string
	for _, s := range p.Settings.All() {
		if known[s.Name] || s.Line == 0 {
			continue
		}
		if meant := closest.To(s.Name, names); meant != "" && !p.mentions(s.Name) {
			all = append(all, fmt.Sprintf("%s in %s is no setting, and nothing reads it; did you mean %s?", safetext.Quoted(s.Name), s.Where(), meant))
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
