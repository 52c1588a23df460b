package nonroot_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/dev/thorough"
	"github.com/im2-audio/im2/nonroot"
)

// lines are a passwd file with so many accounts.
func lines(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "u%d:x:%d:%d::/:\n", i, i, i)
	}
	return text.String()
}

// A project cannot make an audit read or parse the same thing again and again: each of these took minutes, or for ever.
func TestAnAuditCostsLittle(t *testing.T) {
	t.Parallel()
	many, accounts := thorough.Of(3000, 1500), lines(80_000)
	const build = "services: {web: {build: .}}\n"
	for name, c := range map[string]struct {
		compose, dockerfile string
		links               int
		want                string
	}{
		"a passwd file, copied often":            {build, "FROM root:1\n" + strings.Repeat("COPY passwd /etc/passwd\n", many) + "USER u5000\n", 0, fmt.Sprintf("D18 warning Dockerfile:%d", many+2)},
		"its folder, and users in between":       {build, "FROM root:1\n" + strings.Repeat("COPY etc /etc\nRUN useradd -u 5 app\n", many/2) + "USER app\n", 0, ""},
		"the same file by many names":            {build, "FROM root:1\n" + each(many, "COPY l%d /etc/passwd\n") + "USER u5000\n", many, fmt.Sprintf("D18 warning Dockerfile:%d", many+2)},
		"a long Dockerfile of many services":     {"services:\n" + each(200, "  s%d: {build: .}\n"), "FROM root:1\n" + strings.Repeat("RUN useradd -u 5 u\n", 9000) + "USER u\n", 0, "D00 warning docker-compose.yml:13"},
		"a long Dockerfile under many names":     {"services:\n" + each(200, "  s%d: {build: {context: ., dockerfile: l%[1]d}}\n"), "FROM root:1\n" + strings.Repeat("RUN useradd -u 5 u\n", 9000) + "USER u\n", 200, "D00 warning docker-compose.yml:13"},
		"a long Dockerfile of one service alone": {build, "FROM root:1\n" + strings.Repeat("RUN useradd -u 5 u\n", 9000) + "USER u\n", 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := write(t, map[string]string{"docker-compose.yml": c.compose, "Dockerfile": c.dockerfile, "passwd": accounts, "etc/passwd": accounts})
			to := "passwd"
			if !strings.Contains(c.dockerfile, "COPY") {
				to = "Dockerfile"
			}
			for i := range c.links {
				if err := os.Symlink(to, filepath.Join(root, fmt.Sprintf("l%d", i))); err != nil {
					t.Fatal(err)
				}
			}
			in := open(t, root)
			in.Image = images
			got := show(in.audit(t), "D00", "D01", "D18")
			if got != c.want && (c.want == "" || !strings.Contains("\n"+got+"\n", "\n"+c.want)) {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// each writes a line for each number.
func each(n int, format string) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, format, i)
	}
	return text.String()
}

// Of a long passwd file the first accounts are known, and that there are others.
func TestTheFirstAccountsAreKnown(t *testing.T) {
	t.Parallel()
	for user, want := range map[string]string{"u0": "D01 error Dockerfile:3", "u999": "", "u1000": "D18 warning Dockerfile:3"} {
		in := open(t, write(t, map[string]string{
			"docker-compose.yml": "services: {web: {build: .}}\n", "Dockerfile": "FROM root:1\nCOPY passwd /etc/passwd\nUSER " + user + "\n", "passwd": lines(1001),
		}))
		in.Image = images
		if got := show(in.audit(t), "D01", "D18"); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", user, got, want)
		}
	}
}

// An interrupt ends an audit also before its first check.
func TestAnInterruptEndsAnAudit(t *testing.T) {
	t.Parallel()
	in := open(t, write(t, manyServices(2)))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, audit := nonroot.Audit(ctx, in.Project, in.Options)
	_, names := nonroot.Images(ctx, in.Project, in.Options)
	_, fix := nonroot.Fix(ctx, in.Project, in.Options, nonroot.Note)
	for what, err := range map[string]error{"Audit": audit, "Images": names, "Fix": fix} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
