package scenario_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/usage"
)

// pages reads the documentation: what is for people who use the project.
func pages(t *testing.T) []docPage {
	t.Helper()
	return readPages(t, "README.md", filepath.Join("docs", "*.md"))
}

func readPages(t *testing.T, patterns ...string) []docPage {
	t.Helper()
	var all []docPage
	for _, pattern := range patterns {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: found %q, %v", pattern, files, err)
		}
		for _, file := range files {
			page, err := readPage(file)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, page)
		}
	}
	return all
}

// knownTargets are those that magefiles/ declares.
func knownTargets(t *testing.T) *usage.Usage {
	t.Helper()
	targets, err := usage.Read(os.DirFS("magefiles"))
	if err != nil {
		t.Fatal(err)
	}
	return targets
}

// TestLinksLeadSomewhere looks for the file and the heading of every link within the
// project. Addresses of the network are not asked.
func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	all := readPages(t, "*.md", filepath.Join("docs", "*.md"), filepath.Join("modules", "*", "*.md"))
	anchors := make(map[string][]string)
	for _, page := range all {
		anchors[filepath.Clean(page.Path)] = page.Anchors
	}
	links := 0
	for _, page := range all {
		for _, link := range page.Links {
			if strings.Contains(link.Text, "://") || strings.HasPrefix(link.Text, "mailto:") {
				continue
			}
			links++
			path, anchor, hasAnchor := strings.Cut(link.Text, "#")
			to := filepath.Clean(page.Path)
			if path != "" {
				to = filepath.Join(filepath.Dir(page.Path), filepath.FromSlash(path))
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s:%d: the link %q leads nowhere: %v", page.Path, link.Line, link.Text, err)
				continue
			}
			if names, read := anchors[to]; hasAnchor && read && !slices.Contains(names, anchor) {
				t.Errorf("%s:%d: %s has no heading %q; it has %q", page.Path, link.Line, to, anchor, names)
			}
		}
	}
	if links < 20 {
		t.Fatalf("found only %d links", links)
	}
}

// TestTheIndexNamesEveryPage fails for a page that nobody would find.
func TestTheIndexNamesEveryPage(t *testing.T) {
	t.Parallel()
	index, err := readPage(filepath.Join("docs", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range readPages(t, filepath.Join("docs", "*.md")) {
		name := filepath.Base(page.Path)
		if name != "README.md" && !slices.ContainsFunc(index.Links, func(l docPiece) bool { return l.Text == name }) {
			t.Errorf("docs/README.md has no link to %s", name)
		}
	}
}

// otherFlags are flags in the text that are not those of a target: whose they are.
func otherFlags() map[string][]string {
	return map[string][]string{
		"Mage":           {"-l", "-h", "-w", "-f", "-d", "-v", "-compile"},
		"the services":   {"-max-duration", "-stall", "-settle", "-poll", "-metrics", "-upload-max"},
		"find and chown": {"-R", "-exec", "-h"},
		"docker exec":    {"-u"},
		"cp and id":      {"-p"},
	}
}

// TestFlagsInTheTextExist reads what stands in `code` within the text: commands of ours must be
// ones that there are, and a flag must be somebody's.
func TestFlagsInTheTextExist(t *testing.T) {
	t.Parallel()
	targets := knownTargets(t)
	known := make(map[string]bool)
	for _, target := range targets.Targets {
		for _, flag := range target.Flags {
			known["-"+flag.Name] = true
		}
	}
	unused := make(map[string]bool)
	for _, names := range otherFlags() {
		for _, name := range names {
			unused[name] = true
		}
	}
	seen := 0
	for _, page := range pages(t) {
		for _, span := range page.Spans {
			if strings.HasPrefix(span.Text, "mage ") {
				seen++
				if err := spoken(targets, span.Text); err != nil {
					t.Errorf("%s:%d: `%s`: %v", page.Path, span.Line, span.Text, err)
				}
			}
			name := regexp.MustCompile(`^-[a-zA-Z][a-zA-Z0-9-]*`).FindString(span.Text)
			if _, others := unused[name]; others {
				unused[name] = false
			} else if name != "" && !known[name] {
				t.Errorf("%s:%d: nobody has the flag `%s`", page.Path, span.Line, span.Text)
			}
		}
	}
	if seen < 50 {
		t.Fatalf("found only %d commands in the text", seen)
	}
}

// spoken checks a command within the text: the name of a target alone will do, "[...]" is
// what may be left out, TARGET stands for any.
func spoken(targets *usage.Usage, text string) error {
	if text == "mage doctor engine" {
		return nil // docs/doctor.md tells what is wrong with it
	}
	text, _, _ = strings.Cut(text, ", ")
	programs, err := shellPrograms(strings.NewReplacer("[", "", "]", "", ",...", "", "TARGET", "up").Replace(text))
	if err != nil {
		return err
	}
	words := programs[0][1:]
	if len(words) == 1 {
		if _, ok := targets.Find(words[0]); ok {
			return nil
		}
	}
	_, err = readCalls(targets, words)
	return err
}

// TestEverySettingIsDocumented fails for a setting, or a key of x-im2, that its page does not
// have, and for a default that is another one by now.
func TestEverySettingIsDocumented(t *testing.T) {
	t.Parallel()
	page, err := readPage(filepath.Join("docs", "settings.md"))
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, span := range page.Spans {
		words = append(words, span.Text)
	}
	settings, err := project.ReadSettings(".", nil) // what .env sets, and the defaults
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range settings.All() {
		if !slices.Contains(words, s.Name) {
			t.Errorf("docs/settings.md does not tell of %s", s.Name)
		}
		if s.Name != project.CABundle && s.Value != "" && !slices.Contains(words, s.Value) {
			t.Errorf("docs/settings.md does not say that %s is %q by default", s.Name, s.Value)
		}
	}
	_, err = project.Open(t.Context(), misspelt(t), nil)
	if err == nil {
		t.Fatal("an unknown key of x-im2 is taken")
	}
	_, known, found := strings.Cut(err.Error(), "known keys: ")
	if !found {
		t.Fatalf("the error does not say which keys there are: %v", err)
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(known, ")"), ", ") {
		if !slices.Contains(words, name) {
			t.Errorf("docs/settings.md does not tell of the key %q of x-im2", name)
		}
	}
}

// misspelt is a project with a key that is none.
func misspelt(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	err := os.WriteFile(filepath.Join(folder, "docker-compose.yml"), []byte("x-im2: {nosuch: 1}\nservices: {web: {image: web}}\n"), 0o644)
	if err != nil {
		t.Fatal(err)
	}
	return folder
}
