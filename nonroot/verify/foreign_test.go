package verify

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/im2-audio/im2/internal/docker/inspect"
	"github.com/im2-audio/im2/nonroot"
)

func TestAFolderByAnotherName(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	data := filepath.Join(top, "p", "data")
	if err := errors.Join(os.MkdirAll(filepath.Join(data, "queue"), 0o700), os.Symlink("p", filepath.Join(top, "link"))); err != nil {
		t.Skipf("LEFT OUT: what becomes of links, because none can be made here: %v", err)
	}
	p := newProver(noServices(), Options{Conventions: &nonroot.Conventions{Data: data}})
	for folder, want := range map[string]string{
		data:                                    p.data,
		filepath.Join(top, "link"):              filepath.Dir(p.data),
		filepath.Join(top, "link/data/queue"):   filepath.Join(p.data, "queue"),
		filepath.Join(top, "link/data/missing"): filepath.Join(top, "link/data/missing"),
		"relative":                              "relative",
		"":                                      "",
	} {
		if got := p.place(folder); got != want {
			t.Errorf("%q is %q, want %q", folder, got, want)
		}
	}
}

func TestOwnHelpers(t *testing.T) {
	t.Parallel()
	p := newProver(noServices(), Options{Image: "im2/verify:1", Helpers: []string{"im2/reset"}})
	for image, want := range map[string]bool{
		"im2/reset:2": true, "im2/verify:3": true, "im2/verify@sha256:1": true, "im2/reset": true,
		"im2/reset-not:2": false, "host:5000/im2/reset:2": false, "im2/base": false, "": false,
	} {
		var c inspect.Container
		c.Config.Image = image
		if got := p.helper(c); got != want {
			t.Errorf("%q: %v", image, got)
		}
	}
}

// A container on which the project does not count may end meanwhile. One that cannot be looked into may not hide.
func TestGuests(t *testing.T) {
	t.Parallel()
	p := newProver(noServices(), Options{})
	for _, c := range []struct {
		status, user string
		steady, over bool
		writable     bool
		want         nonroot.Level // of exec-user
	}{
		{"running", "", true, false, true, nonroot.Error},
		{"running", "", true, false, false, nonroot.Warning},
		{"running", "1000:1000", true, false, true, nonroot.OK},
		{"paused", "", false, false, true, nonroot.Error},
		{"restarting", "0", false, false, true, nonroot.Error},
		{"exited", "0", false, true, true, 0},
		{"", "", false, true, true, 0},
	} {
		o := right()
		o.sight, o.steady, o.container = nil, c.steady, container{name: "backup", foreign: true}
		o.inspected.State.Status, o.inspected.Config.User = c.status, c.user
		o.mounts = []dataMount{{"/x", "/p/data", c.writable}}
		if o.over() != c.over {
			t.Errorf("%+v: over is %v", c, o.over())
		}
		if c.over {
			continue
		}
		for _, f := range p.guest(o).Checks {
			if f.Check == ExecUser && f.Level != c.want {
				t.Errorf("%+v: %+v", c, f)
			}
		}
	}
}
