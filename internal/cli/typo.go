package cli

import (
	"fmt"
	"strings"

	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/safetext"
	"github.com/im2-audio/im2/internal/term/closest"
)

// typos says of each name in the settings files that nothing reads, and that is nearly that of a setting, what was
// probably meant.
func typos(p *project.Project) []string {
	const prefix = "IM2_"
	var names []string
	for _, k := range p.Settings.Known() {
		names = append(names, k.Name)
	}
	all := []string{} // null in JSON would be something else
	for _, s := range p.Unread() {
		meant := closest.To(s.Name, names)
		for _, name := range names { // Some settings begin with IM2_, and some do not.
			if strings.TrimPrefix(name, prefix) == strings.TrimPrefix(s.Name, prefix) {
				meant = name
			}
		}
		if meant != "" {
			all = append(all, fmt.Sprintf("%s in %s is no setting, and nothing reads it; did you mean %s?", safetext.Quoted(s.Name), s.Where(), meant))
		}
	}
	return all
}
