package scaffold

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// What modules/Dockerfile.template says, and a new service says otherwise.
const (
	templateName = "service"
	templateUser = "appuser"
	templateData = "/pipeline-data"
	templateArg  = "ARG TARGETPLATFORM"
	templateCopy = "COPY bin/${TARGETPLATFORM}/service /usr/local/bin/service"
)

// words finds the template's words in an instruction; "appuser" also in /home/appuser.
var words = regexp.MustCompile(`\b(?:` + templateName + `|` + templateUser + `)\b`)

// dockerfile is the template with this service's words. The first comments, which are about the template itself,
// are replaced.
func (s Service) dockerfile(template string) (string, error) {
	nl := "\n"
	if strings.Contains(template, "\r\n") {
		nl = "\r\n"
	}
	lines := strings.Split(strings.ReplaceAll(template, "\r\n", "\n"), "\n")
	for len(lines) > 0 && strings.HasPrefix(lines[0], "#") && !strings.Contains(lines[0], "=") { // no directive
		lines = lines[1:]
	}
	if s.Mount == "" {
		lines = withoutData(lines)
	}
	if s.Kind == Shell { // the same for all platforms
		lines = slices.DeleteFunc(lines, func(line string) bool { return line == templateArg })
	}
	copied := false
	for i, line := range lines {
		if line == templateCopy {
			copied = true
			if s.Kind == Shell {
				lines[i] = "COPY --chmod=0755 " + templateName + ".sh /usr/local/bin/" + templateName
			}
		}
		if !strings.HasPrefix(strings.TrimSpace(line), "#") {
			lines[i] = words.ReplaceAllStringFunc(lines[i], func(word string) string {
				if word == templateUser {
					return s.User
				}
				return s.Name
			})
		}
		lines[i] = strings.ReplaceAll(lines[i], templateData, s.mountOrHome())
	}
	if !copied {
		return "", fmt.Errorf("the template has no line %q to put the program in", templateCopy)
	}
	head := "# The " + s.Name + ", after " + s.templateFrom + "."
	return head + nl + strings.Join(lines, nl), nil
}

func withoutData(lines []string) []string {
	for i, line := range lines {
		if strings.HasPrefix(line, "RUN install -d ") && strings.HasSuffix(line, " "+templateData) {
			from := i
			for from > 0 && strings.HasPrefix(lines[from-1], "#") {
				from--
			}
			return append(lines[:from:from], lines[i+1:]...)
		}
	}
	return lines
}

func (s Service) mountOrHome() string {
	if s.Mount == "" {
		return "/home/" + s.User
	}
	return s.Mount
}
