package setup

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/term"
)

// recorder notes what would be run, and fails what it is told to.
type recorder struct {
	ran  []string
	fail func(command string) error
}

func (r *recorder) Run(_ context.Context, c run.Cmd) error {
	r.ran = append(r.ran, c.String())
	if r.fail != nil {
		return r.fail(c.String())
	}
	return nil
}

func TestDebianLike(t *testing.T) {
	t.Parallel()
	for release, want := range map[string]bool{
		"ID=debian\n":                             true,
		"ID=ubuntu\nID_LIKE=debian\n":             true,
		"ID=linuxmint\nID_LIKE=\"ubuntu debian\"": true,
		"ID=fedora\n":                             false,
		"ID=rhel\nID_LIKE=\"fedora\"\n":           false,
		"PRETTY_NAME=\"like debian\"\n":           false,
		"":                                        false,
	} {
		if got := debianLike(release); got != want {
			t.Errorf("debianLike(%q) = %v", release, got)
		}
	}
}

func TestIDsAreOffered(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	const team = "APP_USER_ID=1000\nAPP_GROUP_ID=1000\n"
	const own = "x-im2: {uid: PUID, gid: PGID}\n"
	cases := []struct {
		name     string
		host     Host
		compose  string // what the Compose file has beside services
		local    string
		ids      *bool
		answer   string // "" is nobody there to be asked
		want     string // .env.local afterwards
		wantNote string
	}{
		{"agreed", Host{OS: "linux", UID: "501", GID: "20"}, "", "", nil, "\n", "APP_USER_ID=501\nAPP_GROUP_ID=20\n", "you are 501:20"},
		{"refused", Host{OS: "linux", UID: "501", GID: "20"}, "", "", nil, "n\n", "", "you are 501:20"},
		{"nobody to ask", Host{OS: "linux", UID: "501", GID: "20"}, "", "", nil, "", "", "mage setup -ids"},
		{"asked for", Host{OS: "linux", UID: "501", GID: "20"}, "", "A=b\n", &yes, "", "A=b\nAPP_USER_ID=501\nAPP_GROUP_ID=20\n", "wrote"},
		{"not asked for", Host{OS: "linux", UID: "501", GID: "20"}, "", "", &no, "", "", ""},
		{"the same", Host{OS: "linux", UID: "1000", GID: "1000"}, "", "", nil, "\n", "", ""},
		{"decided before", Host{OS: "linux", UID: "501", GID: "20"}, "", "APP_USER_ID=7\n", nil, "\n", "APP_USER_ID=7\n", ""},
		{"root", Host{OS: "linux", Root: true, UID: "0", GID: "0"}, "", "", &yes, "\n", "", "never used"},
		{"root without sudo", Host{OS: "linux", Root: true}, "", "", nil, "\n", "", ""},
		{"macOS maps owners itself", Host{OS: "darwin", UID: "501", GID: "20"}, "", "", nil, "\n", "", ""},
		{"macOS, asked for", Host{OS: "darwin", UID: "501", GID: "20"}, "", "", &yes, "", "APP_USER_ID=501\nAPP_GROUP_ID=20\n", "wrote"},
		{"names of its own", Host{OS: "linux", UID: "501", GID: "20"}, own, "", &yes, "", "PUID=501\nPGID=20\n", "wrote PUID=501 and PGID=20"},
		{"names of its own, decided before", Host{OS: "linux", UID: "501", GID: "20"}, own, "PUID=7\n", nil, "\n", "PUID=7\n", ""},
		{"other names were decided before", Host{OS: "linux", UID: "501", GID: "20"}, own, "APP_USER_ID=7\n", nil, "\n", "APP_USER_ID=7\nPUID=501\nPGID=20\n", "wrote"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			write(t, root, ".env", team)
			write(t, root, "docker-compose.yml", c.compose+"services: {web: {image: x}}\n")
			if c.local != "" {
				write(t, root, ".env.local", c.local)
			}
			ui, _, notes := term.Test()
			s := &Setup{Root: root, UI: ui, IDs: c.ids, Host: c.host}
			if c.answer != "" {
				s.Stdin = strings.NewReader(c.answer)
			}
			if err := s.offerIDs(t.Context(), ""); err != nil {
				t.Fatal(err)
			}
			text, _ := os.ReadFile(filepath.Join(root, ".env.local"))
			if string(text) != c.want {
				t.Errorf(".env.local is %q, want %q", text, c.want)
			}
			if !strings.Contains(notes.String(), c.wantNote) || (c.wantNote == "") != (notes.Len() == 0) {
				t.Errorf("said %q, want %q", notes, c.wantNote)
			}
		})
	}
}

// Where the engine translates IDs, who has the user's ID in containers is another user.
func TestNoIDsAreOfferedForARootlessEngine(t *testing.T) {
	t.Parallel()
	yes := true
	for _, ids := range []*bool{nil, &yes} {
		root := t.TempDir()
		write(t, root, "docker-compose.yml", "services: {web: {image: x}}\n")
		write(t, root, ".env", "APP_USER_ID=1000\nAPP_GROUP_ID=1000\n")
		ui, _, notes := term.Test()
		s := &Setup{Root: root, UI: ui, IDs: ids, Host: Host{OS: "linux", UID: "501", GID: "20"}, Stdin: strings.NewReader("\n")}
		if err := s.offerIDs(t.Context(), engine.Rootless); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(root, ".env.local")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("it wrote the user's IDs: %v", err)
		}
		if strings.Contains(notes.String(), "rootless: 501:20 in containers is another user") != (ids != nil) {
			t.Errorf("said %q", notes)
		}
	}
}

func write(t *testing.T, root, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestMissingSettingsAreWritten(t *testing.T) {
	t.Parallel()
	ui, _, _ := term.Test()
	s := &Setup{Root: t.TempDir(), UI: ui, Environ: []string{"APP_USER_ID=7"}}
	write(t, s.Root, "docker-compose.yml", "services: {web: {image: x}}\n")
	for range 2 {
		if err := s.settingsFile(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if text, _ := os.ReadFile(filepath.Join(s.Root, ".env")); string(text) != teamHead+"APP_USER_ID=1000\nAPP_GROUP_ID=1000\n" || s.done != 1 {
		t.Errorf("wrote %q in %d steps", text, s.done)
	}
}

func TestMissingIDsAreAdded(t *testing.T) {
	t.Parallel()
	ui, _, _ := term.Test()
	s := &Setup{Root: t.TempDir(), UI: ui}
	write(t, s.Root, ".env", "BASE_IMAGE=x\nPGID=7\n")
	write(t, s.Root, "docker-compose.yml", "x-im2: {uid: PUID, gid: PGID}\nservices: {web: {image: x}}\n")
	if err := s.settingsFile(t.Context()); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(filepath.Join(s.Root, ".env")); string(text) != "BASE_IMAGE=x\nPGID=7\nPUID=1000\n" {
		t.Errorf("wrote %q", text)
	}
}

func TestAnInterruptEndsTheQuestion(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ui, _, _ := term.Test()
	silent, _ := io.Pipe() // nobody ever answers
	s := &Setup{UI: ui, Stdin: silent}
	if _, err := s.ask(ctx, "really?"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

const nowhere = "no-such-program-of-im2"

func TestWhatIsMissingIsInstalled(t *testing.T) {
	t.Parallel()
	cause := errors.New("there is no engine")
	cases := []struct {
		name    string
		program string
		host    Host
		noSudo  bool
		ran     []string
		fails   string
	}{
		{"there already", "go", Host{Root: true}, false, nil, ""},
		{"Debian, root", nowhere, Host{Root: true, Debian: true}, false, []string{
			"env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 update -q",
			"env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 install -q -y --no-install-recommends pkg",
		}, ""},
		{"Debian, sudo", nowhere, Host{Debian: true}, false, []string{
			"sudo -n true",
			"sudo -n env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 update -q",
			"sudo -n env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 install -q -y --no-install-recommends pkg",
		}, ""},
		{"Debian, no sudo", nowhere, Host{Debian: true}, true, []string{"sudo -n true"}, `"sudo apt-get install pkg"`},
		{"another system", nowhere, Host{Root: true}, false, nil, "this system's package manager"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ui, _, _ := term.Test()
			r := &recorder{fail: func(string) error {
				if c.noSudo {
					return errors.New("a password is required")
				}
				return nil
			}}
			s := &Setup{UI: ui, Runner: r, Host: c.host}
			_, err := s.needs(t.Context(), c.program, cause, "pkg")
			if strings.Join(r.ran, "\n") != strings.Join(c.ran, "\n") {
				t.Errorf("ran %q, want %q", r.ran, c.ran)
			}
			if c.fails == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var coded *exit.Error
			if !errors.As(err, &coded) || coded.Code != exit.Missing || !errors.Is(err, cause) || !strings.Contains(err.Error(), c.fails) {
				t.Errorf("got %v, want %q", err, c.fails)
			}
		})
	}
}

func TestWhereNothingCanBeStarted(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name    string
		host    Host
		environ []string
		context string
		cause   error
		want    string
	}{
		{"another engine is asked for", Host{OS: "linux", Root: true}, []string{"DOCKER_HOST=tcp://x:1"}, "", engine.ErrNotAnswering, "unset DOCKER_HOST"},
		{"macOS", Host{OS: "darwin"}, nil, "", engine.ErrNotInstalled, "Docker Desktop"},
		{"another context is in use", Host{OS: "linux", Root: true}, nil, "buildbox", engine.ErrNotAnswering, "docker context use default"},
		{"this user may not talk to it", Host{OS: "linux", Root: true}, nil, "", engine.ErrDenied, "does not answer this user"},
		{"something else is wrong", Host{OS: "linux", Root: true}, nil, "", os.ErrPermission, "permission denied"},
	}
	for _, c := range cases {
		ui, _, _ := term.Test()
		r := &recorder{}
		s := &Setup{UI: ui, Runner: r, Host: c.host, Environ: c.environ}
		err := s.startEngine(t.Context(), engine.Options{}, &engine.Engine{Context: c.context}, c.cause)
		if !errors.Is(err, c.cause) || !strings.Contains(err.Error(), c.want) || len(r.ran) > 0 {
			t.Errorf("%s: got %v after running %q, want %q", c.name, err, r.ran, c.want)
		}
	}
}

func TestFound(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("go"); err != nil {
		t.Fatal(err)
	}
	if !found("go") || found(nowhere) {
		t.Error("found go or not found nothing")
	}
}
