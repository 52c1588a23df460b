package closest

import "testing"

func TestTo(t *testing.T) {
	t.Parallel()
	names := []string{"audit", "build", "clean", "demucs-cache", "down", "jobs", "logs", "new", "reset-permissions", "restart", "retry", "status", "up"}
	cases := []struct{ typed, want string }{
		{"biuld", "build"},
		{"buidl", "build"},
		{"bild", "build"},
		{"BUILD", "build"},
		{"lgos", "logs"},
		{"reset", "reset-permissions"},
		{"reset_permission", "reset-permissions"},
		{"resetpermissions", "reset-permissions"},
		{"demucscach", "demucs-cache"},
		{"stauts", "status"},
		{"rm", ""},
		{"u", ""},
		{"xy", ""},
		{"deploy", ""},
		{"-", ""},
		{"", ""},
	}
	for _, c := range cases {
		if got := To(c.typed, names); got != c.want {
			t.Errorf("To(%q) = %q, want %q", c.typed, got, c.want)
		}
	}
}

func TestHint(t *testing.T) {
	t.Parallel()
	if got := Hint("demcus", []string{"watcher", "demucs"}); got != `; did you mean "demucs"?` {
		t.Errorf("got %q", got)
	}
	if got := Hint("anything", []string{"watcher", "demucs"}); got != "" {
		t.Errorf("got %q", got)
	}
}
