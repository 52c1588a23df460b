package scaffold

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// projectWith writes a project and returns its folder.
func projectWith(t *testing.T, compose string, more ...string) string {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	all := append([]string{"docker-compose.yml", compose, ".env", "APP_USER_ID=1000\nAPP_GROUP_ID=1000\n"}, more...)
	for i := 0; i < len(all); i += 2 {
		path := filepath.Join(root, all[i])
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(all[i+1]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func request(root, name string) Request {
	return Request{Root: root, Environ: os.Environ(), Name: name, User: "echo_2"}
}

func TestAServiceThatOthersNeedStays(t *testing.T) {
	t.Parallel()
	const web = "services:\n  web: {image: web}\n  other:\n    image: other\n    "
	for rest, want := range map[string]string{
		"depends_on: [web]":                                 "others need it: other (depends_on)",
		"volumes_from: [\"web:ro\"]":                        "other (volumes_from)",
		"network_mode: service:web":                         "other (network_mode)",
		"pid: service:web":                                  "other (pid)",
		"ipc: service:web":                                  "other (ipc)",
		"links: [\"web:alias\"]":                            "other (links)",
		"extends: web":                                      "other (extends)",
		"extends: {service: web}":                           "other (extends)",
		"extends: {service: web, file: base.yml}":           "",
		"extends: {service: web, file: docker-compose.yml}": "other (extends)",
		"build: {context: ., additional_contexts: {base: \"service:web\"}}": "other (additional_contexts)",
		"profiles: [never]\n    depends_on: [web]":                          "other (depends_on)",
		"environment: {A: web}":                                             "",
	} {
		web, entry := web, "  web: {image: web}\n"
		if strings.Contains(rest, "additional_contexts") {
			web = strings.Replace(web, "{image: web}", "{build: .}", 1)
		}
		root := projectWith(t, web+rest+"\n", "base.yml", "services: {web: {image: base}}\n")
		m, err := PrepareRemove(t.Context(), request(root, "web"))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v; want %q", rest, err, want)
		}
		if err == nil && string(m.Files[0].After) != strings.Replace(web+rest+"\n", entry, "", 1) {
			t.Errorf("%s:\n%s", rest, m.Files[0].After)
		}
	}
}

func TestOnlyWhatNobodyChangedIsRemoved(t *testing.T) {
	t.Parallel()
	const before = "# about all\nservices:\n  # about web\n  web: {image: web} # and more\n\nvolumes: {}\n"
	for name, c := range map[string]struct {
		change func(folder string) error
		kept   string
	}{
		"unchanged": {func(string) error { return nil }, ""},
		"built":     {func(folder string) error { return os.MkdirAll(filepath.Join(folder, "bin"), 0o755) }, ""},
		"changed": {func(folder string) error {
			return os.WriteFile(filepath.Join(folder, "echo.sh"), []byte("work"), 0o644)
		}, "you have changed echo.sh"},
		"more": {func(folder string) error { return os.WriteFile(filepath.Join(folder, "notes"), nil, 0o644) }, "you have changed notes"},
		"less": {func(folder string) error { return os.Remove(filepath.Join(folder, "README.md")) }, "you have changed README.md"},
		"another": {func(folder string) error {
			return os.WriteFile(filepath.Join(folder, "Dockerfile"), []byte("FROM x\n"), 0o644)
		}, "you have changed Dockerfile"},
	} {
		root := projectWith(t, before)
		s, err := Prepare(t.Context(), request(root, "echo"))
		if err == nil {
			_, err = s.Write(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := c.change(s.Folder); err != nil {
			t.Fatal(err)
		}
		m, err := PrepareRemove(t.Context(), request(root, "echo"))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if m.Kept != c.kept || m.Folder != s.Folder {
			t.Errorf("%s: %q is kept since %q; want %q", name, m.Folder, m.Kept, c.kept)
		}
		// Where the Compose file cannot be written, nothing is changed.
		failed := errors.New("failed")
		m.replace = func(string, []byte) error { return failed }
		if err := m.Write(t.Context()); !errors.Is(err, failed) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(s.Folder); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		m.replace = nil
		if err := m.Write(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		text, err := os.ReadFile(filepath.Join(root, "docker-compose.yml"))
		if err != nil || string(text) != before {
			t.Errorf("%s: %v:\n%s", name, err, text)
		}
		_, err = os.Stat(s.Folder)
		if gone := errors.Is(err, os.ErrNotExist); gone != (c.kept == "") {
			t.Errorf("%s: the folder: %v", name, err)
		}
	}
}

// Where the folder cannot be moved, the Compose file is as it was.
func TestARemovalThatFailsChangesNothing(t *testing.T) {
	t.Parallel()
	root := projectWith(t, "services:\n  web: {image: web}\n")
	s, err := Prepare(t.Context(), request(root, "echo"))
	if err == nil {
		_, err = s.Write(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	m, err := PrepareRemove(t.Context(), request(root, "echo"))
	if err != nil {
		t.Fatal(err)
	}
	aside := filepath.Join(filepath.Dir(s.Folder), stagePrefix+"echo", "x")
	if err := os.MkdirAll(aside, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := m.Write(t.Context()); err == nil || !strings.Contains(err.Error(), "nothing was changed") {
		t.Errorf("error = %v", err)
	}
	text, err := os.ReadFile(s.Compose)
	if err != nil || string(text) != string(s.After) {
		t.Errorf("%v:\n%s", err, text)
	}
	if _, err := PrepareRemove(t.Context(), request(root, "ecko")); err == nil || !strings.Contains(err.Error(), `there is no such service; there are: echo, web; did you mean "echo"?`) {
		t.Errorf("error = %v", err)
	}
}

func TestAnchorsOfAServiceStay(t *testing.T) {
	t.Parallel()
	root := projectWith(t, "services:\n  web: &web {image: web}\n  other:\n    <<: *web\n")
	if _, err := PrepareRemove(t.Context(), request(root, "web")); err == nil || !strings.Contains(err.Error(), "uses an anchor") {
		t.Errorf("error = %v", err)
	}
	// Each file that names it is changed; an included one is others'.
	root = projectWith(t, "include: [more.yml]\nservices:\n  web: {image: web}\n  other: {image: other}\n", "docker-compose.override.yml",
		"services:\n  # here\n  web:\n    init: true\n\n  other: {init: true}\n", "more.yml", "services: {third: {image: third}}\n")
	m, err := PrepareRemove(t.Context(), request(root, "web"))
	if err != nil || len(m.Files) != 2 || string(m.Files[1].After) != "services:\n  # here\n\n  other: {init: true}\n" {
		t.Errorf("%+v, %v", m.Files, err)
	}
	if _, err := PrepareRemove(t.Context(), request(root, "third")); err == nil || !strings.Contains(err.Error(), "it is in more.yml, which other projects may use") {
		t.Errorf("error = %v", err)
	}
}
