package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/term"
)

const withPages = "x-im2: {web: web}\nservices: {web: {image: x, ports: [\"127.0.0.1:8420:8080\"]}}\n"

func TestAPortThatIsTakenIsSaid(t *testing.T) {
	t.Parallel()
	p := projectOf(t, withPages)
	for text, want := range map[string]bool{
		"driver failed: Bind for 127.0.0.1:8420 failed: port is already allocated":                  true,
		"listen tcp4 127.0.0.1:8420: bind: address already in use":                                  true,
		"listen tcp4 127.0.0.1:9000: bind: address already in use":                                  false,
		"pulling web: no such image":                                                                false,
		"Ports are not available: exposing port TCP 127.0.0.1:8420: listen: address already in use": true,
	} {
		err := errors.New(text)
		if got := portTaken(p, err); strings.Contains(got.Error(), "another program has 127.0.0.1:8420") != want || !want && !errors.Is(got, err) {
			t.Errorf("%s: %v", text, got)
		}
	}
	if err := portTaken(p, nil); err != nil {
		t.Error(err)
	}
}

func TestTheBrowserOfEachSystem(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		system, environ, want string
	}{
		{"linux", "", ""},
		{"linux", "DISPLAY=:0", "xdg-open http://x/"},
		{"freebsd", "WAYLAND_DISPLAY=wayland-0", "xdg-open http://x/"},
		{"darwin", "", "open http://x/"},
		{"windows", "", "rundll32 url.dll,FileProtocolHandler http://x/"},
	} {
		name, args := browser(c.system, []string{c.environ}, "http://x/")
		if got := strings.Join(append([]string{name}, args...), " "); got != c.want {
			t.Errorf("%s with %s: %q; want %q", c.system, c.environ, got, c.want)
		}
	}
}

func TestWhetherPagesAreOnIsRemembered(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, local, environ, flag, want, said string }{
		{"uploads", "A=1\n", "", "upload", "A=1\nIM2_WEB_UPLOAD=on\n", "wrote IM2_WEB_UPLOAD=on to .env.local"},
		{"off", "", "", "off", "IM2_WEB=off\n", "wrote IM2_WEB=off to .env.local"},
		{"on as it is", "A=1\n", "", "on", "A=1\n", ""},
		{"on again", "IM2_WEB=off\nA=1\n", "", "on", "A=1\nIM2_WEB=on\n", "wrote IM2_WEB=on to .env.local"},
		{"the environment", "A=1\n", "IM2_WEB=on", "off", "A=1\n", "IM2_WEB of the environment counts again next time"},
		{"nothing asked", "IM2_WEB=off\n", "", "", "IM2_WEB=off\n", ""},
	} {
		root := projectOf(t, withPages).Root
		path := filepath.Join(root, project.LocalFile)
		if err := os.WriteFile(path, []byte(c.local), 0o600); err != nil {
			t.Fatal(err)
		}
		ui, _, said := term.Test()
		target := Target{Root: root, Environ: []string{"APP_USER_ID=1", "APP_GROUP_ID=1", c.environ}, UI: ui}
		flags := Pages{Web: c.flag}
		if c.flag == "upload" {
			flags = Pages{Upload: "on"}
		}
		with, remember, err := target.withWeb(flags)
		if err != nil {
			t.Fatal(err)
		}
		p, err := with.project(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if off := c.flag == "off" || c.flag == "" && strings.Contains(c.local, "off"); p.WebOff() != off {
			t.Errorf("%s: off is %t", c.name, p.WebOff())
		}
		remember(p)
		if text, err := os.ReadFile(path); err != nil || string(text) != c.want || strings.TrimSpace(said.String()) != c.said {
			t.Errorf("%s: wrote %q, %v, and said %q; want %q, %q", c.name, text, err, said.String(), c.want, c.said)
		}
	}
}
