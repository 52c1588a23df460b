package engine

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestAtLeast(t *testing.T) {
	t.Parallel()
	cases := []struct {
		version, least string
		want           bool
	}{
		{"20.10.24+dfsg1", MinEngine, true},
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
