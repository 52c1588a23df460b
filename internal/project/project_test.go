package project_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
)

const compose = `name: demo
x-im2:
  data: ./data
  folders: [input, queue/deep]
services:
  web:
    build: ./web
    environment: { WHO: "${APP_USER_ID:-none}" }
    volumes: ["./data/models/web:/models", "./other:/other"]
  db:
    image: db:1
`

// write makes the files in a new folder and returns it.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func open(t *testing.T, files map[string]string, environ ...string) (*project.Project, error) {
	t.Helper()
	return project.Open(t.Context(), write(t, files), environ)
}

func TestTheStrongerSourceWins(t *testing.T) {
	t.Parallel()
	p, err := open(t, map[string]string{
		"docker-compose.yml": compose,
		".env":               "# team\nAPP_USER_ID=1000\nAPP_GROUP_ID=1000\nEXTRA=team\n",
		".env.local":         "APP_GROUP_ID=20\n",
	}, "APP_USER_ID=501", "PATH=/bin")
	if err != nil {
		t.Fatal(err)
	}
	if p.Settings.AppUser.UID != 501 || p.Settings.AppUser.GID != 20 {
		t.Errorf("IDs are %d:%d, want 501:20", p.Settings.AppUser.UID, p.Settings.AppUser.GID)
	}
	for name, where := range map[string]string{
		"APP_USER_ID": "the environment", "APP_GROUP_ID": ".env.local:1", "EXTRA": ".env:4", "DEMUCS_MODEL": "the default",
	} {
		if got := p.Settings.Get(name).Where(); got != where {
			t.Errorf("%s comes from %q, want %q", name, got, where)
		}
	}
	if who := p.Compose.Services["web"].Environment["WHO"]; who == nil || *who != "501" {
		t.Errorf("the Compose file saw another ID than the one in force: %v", who)
	}
	env := p.Settings.Environ()
	for _, want := range []string{"APP_USER_ID=501", "APP_GROUP_ID=20", "EXTRA=team", "PATH=/bin"} {
		if !slices.Contains(env, want) {
			t.Errorf("%q is not in the tools' environment %q", want, env)
		}
	}
}

func TestValuesAreWhatComposeReads(t *testing.T) {
	t.Parallel()
	p, err := open(t, map[string]string{
		"docker-compose.yml": "services: {a: {image: x}}\n",
		".env":               "\ufeffBASE=b\nA=${HOME}/data\nB=${NOTHING:-/fallback}\nC=${BASE}c\n",
		".env.local":         "D=${A}/d\n",
	}, "HOME=/home/me")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"A": "/home/me/data", "B": "/fallback", "C": "bc", "D": "/home/me/data/d"} {
		if got := p.Settings.Get(name).Value; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestFoldersAreParentsFirst(t *testing.T) {
	t.Parallel()
	p, err := open(t, map[string]string{"docker-compose.yml": compose, ".env": "APP_USER_ID=1\nAPP_GROUP_ID=1\n"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range p.Folders {
		got = append(got, p.Rel(f))
	}
	want := []string{"data", "data/input", "data/models", "data/models/web", "data/queue", "data/queue/deep"}
	if !slices.Equal(got, want) {
		t.Errorf("folders are %q, want %q", got, want)
	}
	if built := p.Built(); !slices.Equal(built, []string{"web"}) || p.Image("web") != "demo-web" || p.Image("db") != "db:1" {
		t.Errorf("built %q as %q, db is %q", built, p.Image("web"), p.Image("db"))
	}
}

func TestImagesAreNamedAsComposeNamesThem(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{"": "demo-web", "0": "demo-web", "no": "demo-web", "true": "demo_web", "Y": "demo_web", "1": "demo_web"} {
		p, err := open(t, map[string]string{"docker-compose.yml": "name: demo\nservices: {web: {build: .}, own: {image: x, build: .}}\n"}, "COMPOSE_COMPATIBILITY="+value)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Image("web"); got != want || p.Image("own") != "x" {
			t.Errorf("%q: got %s and %s, want %s", value, got, p.Image("own"), want)
		}
	}
}

func TestAnotherProjectNeedsNothingOfOurs(t *testing.T) {
	t.Parallel()
	p, err := open(t, map[string]string{"docker-compose.yml": "services: {web: {image: x}}\n"})
	if err != nil {
		t.Fatal(err)
	}
	if p.Data != "" || p.Settings.AppUser.UID != 1000 {
		t.Errorf("data folder %q, UID %d", p.Data, p.Settings.AppUser.UID)
	}
}

func TestOtherVariableNames(t *testing.T) {
	t.Parallel()
	p, err := open(t, map[string]string{
		"docker-compose.yml": "x-im2: {uid: MY_UID, gid: MY_GID}\nservices: {web: {image: x}}\n",
		".env":               "MY_UID=7\n",
	}, "MY_GID=8")
	if err != nil {
		t.Fatal(err)
	}
	if p.Settings.AppUser.UID != 7 || p.Settings.AppUser.GID != 8 {
		t.Errorf("IDs are %d:%d, want 7:8", p.Settings.AppUser.UID, p.Settings.AppUser.GID)
	}
}

func TestUnusableProjects(t *testing.T) {
	t.Parallel()
	const ids = "APP_USER_ID=1\nAPP_GROUP_ID=1\n"
	cases := []struct {
		name    string
		files   map[string]string
		environ []string
		want    []string
	}{
		{"no .env", map[string]string{"docker-compose.yml": compose}, nil, []string{"APP_USER_ID is not set", ".env is missing", "mage setup"}},
		{"empty .env", map[string]string{"docker-compose.yml": compose, ".env": ""}, nil, []string{"is not set", "does not set it"}},
		{"broken .env", map[string]string{"docker-compose.yml": compose, ".env": "what is this\n"}, nil, []string{"/.env", "NAME=value"}},
		{"empty ID", map[string]string{"docker-compose.yml": compose, ".env": "APP_USER_ID=\nAPP_GROUP_ID=1\n"}, nil, []string{".env:1", "empty"}},
		{"quoted ID", map[string]string{"docker-compose.yml": compose, ".env": "APP_USER_ID=\"1000\"\nAPP_GROUP_ID=1\n"}, nil, []string{".env:1", "quotes", "APP_USER_ID=1000"}},
		{"negative ID", map[string]string{"docker-compose.yml": compose, ".env": "APP_USER_ID=1\nAPP_GROUP_ID=-1\n"}, nil, []string{".env:2", `"-1"`, "id -g"}},
		{"zero", map[string]string{"docker-compose.yml": compose, ".env": ids, ".env.local": "APP_USER_ID=0\n"}, nil, []string{".env.local:1", "root"}},
		{"zero from the environment", map[string]string{"docker-compose.yml": compose, ".env": ids}, []string{"APP_GROUP_ID=0"}, []string{"the environment", "root"}},
		{"hexadecimal", map[string]string{"docker-compose.yml": compose, ".env": "APP_USER_ID=0x3e8\nAPP_GROUP_ID=1\n"}, nil, []string{".env:1", "digits"}},
		{"4294967295", map[string]string{"docker-compose.yml": compose, ".env": "APP_USER_ID=4294967295\nAPP_GROUP_ID=1\n"}, nil, []string{".env:1", "2147483646"}},
		{"no Compose file", map[string]string{".env": ids}, nil, []string{"no docker-compose.yml", "git restore"}},
		{"broken Compose file", map[string]string{"docker-compose.yml": "services: [", ".env": ids}, nil, []string{"docker-compose.yml", "docker compose config"}},
		{"misspelt key", map[string]string{"docker-compose.yml": "x-im2: {dta: x}\nservices: {a: {image: x}}\n", ".env": ids}, nil, []string{"dta", "known keys"}},
		{"data outside", map[string]string{"docker-compose.yml": "x-im2: {data: ../x}\nservices: {a: {image: x}}\n", ".env": ids}, nil, []string{"../x", "not a folder below"}},
		{"one of two outside", map[string]string{"docker-compose.yml": "x-im2: {data: [a, ../x]}\nservices: {a: {image: x}}\n", ".env": ids}, nil, []string{"../x", "not a folder below"}},
		{"data in data", map[string]string{"docker-compose.yml": "x-im2: {data: [a, b, a/c]}\nservices: {a: {image: x}}\n", ".env": ids}, nil, []string{`data "a" and "a/c" are in one another`}},
		{"a number", map[string]string{"docker-compose.yml": "x-im2: {data: 1}\nservices: {a: {image: x}}\n", ".env": ids}, nil, []string{"reading x-im2", "known keys"}},
		{"an unknown volume", map[string]string{"docker-compose.yml": "x-im2: {volumes: [uplods]}\nservices: {a: {image: x, volumes: [\"uploads:/u\"]}}\nvolumes: {uploads: {}}\n", ".env": ids}, nil, []string{`declares no volume "uplods", but uploads; fix`}},
		{"settings in the second", map[string]string{"docker-compose.yml": "x-im2: {data: [a, b]}\nservices: {a: {image: x, env_file: b/x.env}}\n", ".env": ids}, nil, []string{`"b/x.env": it is in the data folder b`}},
		{"absolute data", map[string]string{"docker-compose.yml": "x-im2: {data: /srv/x}\nservices: {a: {image: x}}\n", ".env": ids}, nil, []string{"/srv/x", "relative"}},
		{"absolute go", map[string]string{"docker-compose.yml": "x-im2: {go: /srv/x}\nservices: {a: {image: x}}\n", ".env": ids}, nil, []string{"/srv/x", "relative"}},
		{"folder outside", map[string]string{"docker-compose.yml": "x-im2: {folders: [../x]}\nservices: {a: {image: x}}\n", ".env": ids}, nil, []string{"../x", "not below"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := open(t, c.files, c.environ...)
			var coded *exit.Error
			if !errors.As(err, &coded) || coded.Code != exit.Unusable {
				t.Fatalf("got %v, want an error with exit code 2", err)
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q is not in: %v", part, err)
				}
			}
		})
	}
}

func TestAnEndedContextIsNotABrokenFile(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	root := write(t, map[string]string{"docker-compose.yml": compose, ".env": "APP_USER_ID=1\nAPP_GROUP_ID=1\n"})
	if _, err := project.Open(ctx, root, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestParseID(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]uint32{"1": 1, "1000": 1000, "1234567890": 1234567890, "2147483646": 2147483646} {
		if got, err := project.ParseID(text); err != nil || got != want {
			t.Errorf("ParseID(%q) = %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "0", "00", "-0", "+1", "01", " 1", "1 ", "1e3", "0x10", "١", "2147483647", "4294967295", "99999999999999999999", "root"} {
		if got, err := project.ParseID(text); !errors.Is(err, project.ErrID) {
			t.Errorf("ParseID(%q) = %d, %v, want ErrID", text, got, err)
		}
	}
}
