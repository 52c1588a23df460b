package engine

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/run"
)

func TestAtLeast(t *testing.T) {
	t.Parallel()
	cases := []struct {
		version, least string
		want           bool
	}{
		{"20.10.24+dfsg1", "20.10.0", true},
		{"1.41", MinAPI, true},
		{"1.40", MinAPI, false},
		{"library-import", "20.10.0", false},
		{"v5.6.0", MinCompose, true},
		{"2.40.2", MinCompose, true},
		{"2.40.0", MinCompose, false},
		{"v2.40.3-desktop.1", MinCompose, true},
		{"2.40.2-rc.1", MinCompose, true},
		{"2.39.9", MinCompose, false},
		{"1.29.2", MinCompose, false},
		{"v0.9.1", MinBuildx, false},
		{"v0.37.2", MinBuildx, true},
		{"", MinBuildx, false},
		{"dev", MinBuildx, false},
	}
	for _, c := range cases {
		if got := AtLeast(c.version, c.least); got != c.want {
			t.Errorf("AtLeast(%q, %q) = %v", c.version, c.least, got)
		}
	}
}

// TestAnEngineIsJudgedByItsAPI has what engines answer to GET /version, but for what nobody reads.
func TestAnEngineIsJudgedByItsAPI(t *testing.T) {
	t.Parallel()
	cases := []struct {
		answer string
		kind   error
		says   string
	}{
		{`{"Components":[{"Name":"Engine","Version":"20.10.24+dfsg1"}],"Version":"20.10.24+dfsg1","ApiVersion":"1.41","Arch":"amd64"}`, nil, ""},
		// As "go build github.com/moby/moby/v2/cmd/dockerd" names it.
		{`{"Components":[{"Name":"Engine","Version":"library-import"}],"Version":"library-import","ApiVersion":"1.56","Arch":"amd64"}`, nil, ""},
		{`{"Components":[{"Name":"Engine","Version":"19.03.15"}],"Version":"19.03.15","ApiVersion":"1.40","Arch":"amd64"}`, ErrTooOld, "Docker Engine 19.03.15 is too old (its API is 1.40; needed: 1.41); fix: update it"},
		{`{"Components":[{"Name":"Podman Engine","Version":"4.3.1"},{"Name":"Conmon"}],"Version":"4.3.1","ApiVersion":"1.41","Arch":"amd64"}`, ErrPodman, "the engine is Podman 4.3.1, which has no BuildKit"},
	}
	for _, c := range cases {
		var v version
		var s Server
		if err := errors.Join(json.Unmarshal([]byte(c.answer), &v), json.Unmarshal([]byte(c.answer), &struct{ Version *string }{&s.Version})); err != nil {
			t.Fatal(err)
		}
		s.API, s.Podman = v.APIVersion, v.podman()
		err := (&Engine{Server: s}).Judge()
		if !errors.Is(err, c.kind) || err != nil && !strings.HasPrefix(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", c.answer, err, c.says)
		}
		if err != nil && strings.Contains(err.Error(), "apt-get install docker.io") != (c.kind == ErrTooOld) { //nolint:errorlint // it is one of the table's
			t.Errorf("%s: %v", c.answer, err)
		}
	}
}

// TestPodmanInPlaceOfTheDockerCommand is about the command that Debian's and Fedora's package podman-docker gives.
func TestPodmanInPlaceOfTheDockerCommand(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("skipped: the command is a shell script")
	}
	folder := t.TempDir()
	script := "#!/bin/sh\necho '{\"host\":{\"arch\":\"amd64\",\"buildahVersion\":\"1.28.2\"},\"version\":{\"Version\":\"4.3.1\"}}'\n"
	if err := os.WriteFile(filepath.Join(folder, "docker"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", folder)
	_, err := Look(t.Context(), Options{Runner: run.Local{}, Home: folder})
	if !errors.Is(err, ErrPodman) || !strings.Contains(err.Error(), "package podman-docker") {
		t.Error(err)
	}
	_, err = Look(t.Context(), Options{Runner: run.Local{}, Home: folder, Environ: []string{"DOCKER_HOST=unix:///run/podman/podman.sock"}})
	if !errors.Is(err, ErrPodman) || !strings.Contains(err.Error(), `"unset DOCKER_HOST"`) {
		t.Error(err)
	}
}

func TestGoArch(t *testing.T) {
	t.Parallel()
	for kernel, want := range map[string]string{"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "riscv64": "riscv64"} {
		if got := (Server{Architecture: kernel}).GoArch(); got != want {
			t.Errorf("%s is %q, want %q", kernel, got, want)
		}
	}
}

func TestRemapped(t *testing.T) {
	t.Parallel()
	cases := []struct {
		options []string
		want    string
	}{
		{nil, ""},
		{[]string{"name=apparmor", "name=seccomp,profile=default"}, ""},
		{[]string{"name=seccomp,profile=builtin", "name=userns"}, "userns-remapped"},
		{[]string{"name=seccomp,profile=builtin", "name=rootless", "name=cgroupns"}, "rootless"},
	}
	for _, c := range cases {
		if got := (Server{SecurityOptions: c.options}).Remapped(); got != c.want {
			t.Errorf("%q is %q, want %q", c.options, got, c.want)
		}
	}
}

// touch makes an empty file and the folders above it.
func touch(t *testing.T, path string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func targets(t *testing.T, folder string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]string)
	for _, e := range entries {
		target, err := os.Readlink(filepath.Join(folder, e.Name()))
		if err != nil {
			target = "(no link)"
		}
		found[e.Name()] = target
	}
	return found
}

func TestNothingBuiltChangesNothing(t *testing.T) {
	t.Parallel()
	environ := []string{"HOME=/home/x"}
	got, err := withOwnPlugins(t.TempDir(), environ)
	if err != nil || !slices.Equal(got, environ) {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestOwnPluginsLeaveTheUsersConfigurationAlone(t *testing.T) {
	t.Parallel()
	home, user := t.TempDir(), t.TempDir()
	compose := touch(t, filepath.Join(ToolsFolder(home), "docker-compose-v5.6.0"))
	config := touch(t, filepath.Join(user, "config.json"))
	touch(t, filepath.Join(user, pluginFolder, "docker-compose"))
	scout := touch(t, filepath.Join(user, pluginFolder, "docker-scout"))
	before := targets(t, user)

	environ := []string{"DOCKER_CONFIG=" + user}
	got, err := withOwnPlugins(home, environ)
	if err != nil {
		t.Fatal(err)
	}
	ours := userConfig(got)
	if ours == user {
		t.Fatal("the user's folder is still in use")
	}
	check := func(folder string, want map[string]string) {
		t.Helper()
		found := targets(t, folder)
		if len(found) != len(want) {
			t.Errorf("%s has %v, want %v", folder, found, want)
		}
		for name, target := range want {
			if found[name] != target {
				t.Errorf("%s leads to %q, want %q", name, found[name], target)
			}
		}
	}
	check(ours, map[string]string{"config.json": config, pluginFolder: "(no link)"})
	check(filepath.Join(ours, pluginFolder), map[string]string{"docker-compose": compose, "docker-scout": scout})

	// What the user removes or adds is followed by the next run.
	if err := os.Remove(scout); err != nil {
		t.Fatal(err)
	}
	contexts := touch(t, filepath.Join(user, "contexts"))
	if _, err := withOwnPlugins(home, environ); err != nil {
		t.Fatal(err)
	}
	check(ours, map[string]string{"config.json": config, "contexts": contexts, pluginFolder: "(no link)"})
	check(filepath.Join(ours, pluginFolder), map[string]string{"docker-compose": compose})
	if after := targets(t, user); len(after) != len(before)+1 {
		t.Errorf("the user's folder changed: %v, before %v", after, before)
	}
}

// Root's checkout is closed for writing; what a user needs goes to the user's cache.
func TestUnprivilegedAnotherUsersCheckout(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("LEFT OUT: a checkout that cannot be written, because this is root; run the tests as another user")
	}
	home, user := t.TempDir(), t.TempDir()
	compose := touch(t, filepath.Join(ToolsFolder(home), "docker-compose-v5.6.0"))
	built := filepath.Join(home, ".im2")
	if err := os.Chmod(built, 0o500); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(built, 0o700) }) // or the test's folder cannot be removed
	got, err := withOwnPlugins(home, []string{"HOME=" + user})
	if err != nil {
		t.Fatal(err)
	}
	ours := userConfig(got)
	if !strings.HasPrefix(ours, UserFolder(home, []string{"HOME=" + user})) {
		t.Errorf("the configuration is in %s", ours)
	}
	if found := targets(t, filepath.Join(ours, pluginFolder)); found["docker-compose"] != compose {
		t.Errorf("got %v", found)
	}
}

func TestUserFolder(t *testing.T) {
	t.Parallel()
	for _, environ := range [][]string{nil, {"HOME="}, {"XDG_CACHE_HOME=relative"}} {
		if got := UserFolder("/checkout", environ); got != "" {
			t.Errorf("%q leads to %q", environ, got)
		}
	}
	a, b := UserFolder("/a", []string{"XDG_CACHE_HOME=" + t.TempDir()}), UserFolder("/b", []string{"XDG_CACHE_HOME=" + t.TempDir()})
	if a == "" || filepath.Base(a) == filepath.Base(b) {
		t.Errorf("two checkouts share %q and %q", a, b)
	}
}
