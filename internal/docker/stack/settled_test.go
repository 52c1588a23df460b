package stack

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/im2-audio/im2/internal/docker/engine/enginetest"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/term"
)

type object = map[string]any

// container is what an engine says of a healthy one.
func container(id, service, image, imageID string) object {
	return object{
		"Id": id, "Name": "/" + id, "Image": imageID,
		"State":           object{"Status": "running", "Health": object{"Status": "healthy"}},
		"Config":          object{"Image": image, "Labels": object{labelProject: "demo", labelService: service, labelNumber: "1"}},
		"NetworkSettings": object{"Networks": object{"front": object{"NetworkID": "f"}, "back": object{"NetworkID": "b"}}},
	}
}

// up is an engine on which both services of the project are up.
func up(t *testing.T) (*enginetest.Engine, Stack) {
	t.Helper()
	root := t.TempDir()
	err := os.WriteFile(filepath.Join(root, "docker-compose.yml"), []byte("name: demo\nservices: {web: {image: w}, db: {image: d}}\n"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	p, err := project.Open(t.Context(), root, nil)
	if err != nil {
		t.Fatal(err)
	}
	e := &enginetest.Engine{
		Images:     map[string]any{"w": object{"Id": "sha256:w"}, "d": object{"Id": "sha256:d"}},
		Containers: map[string]any{"1": container("1", "web", "w", "sha256:w"), "2": container("2", "db", "d", "sha256:d")},
		Users:      map[string]string{"1": "1000:1000", "2": "7:8"},
	}
	ui, _, _ := term.Test()
	return e, Stack{Project: p, Client: enginetest.Open(t, e), UI: ui}
}

func TestWhatEndsThatAllIsUp(t *testing.T) { //nolint:funlen // a table of cases
	set := func(of any, keys ...any) { // all but the last are where, the last is what
		for _, key := range keys[:len(keys)-2] {
			of = of.(object)[key.(string)]
		}
		of.(object)[keys[len(keys)-2].(string)] = keys[len(keys)-1]
	}
	cases := []struct {
		name   string
		change func(*enginetest.Engine)
		still  bool
	}{
		{"nothing", func(*enginetest.Engine) {}, true},
		{"a container that came with compose run", func(e *enginetest.Engine) {
			e.Containers["3"] = container("3", "web", "w", "sha256:w")
			set(e.Containers["3"], "Config", "Labels", labelOneOff, "True")
		}, true},
		{"a container that stopped", func(e *enginetest.Engine) { set(e.Containers["1"], "State", "Status", "exited") }, false},
		{"one that is paused", func(e *enginetest.Engine) { set(e.Containers["1"], "State", "Status", "paused") }, false},
		{"one that is ill", func(e *enginetest.Engine) { set(e.Containers["1"], "State", "Health", "Status", "unhealthy") }, false},
		{"one that is gone", func(e *enginetest.Engine) { delete(e.Containers, "1") }, false},
		{"another one in its place", func(e *enginetest.Engine) {
			delete(e.Containers, "1")
			e.Containers["3"] = container("3", "web", "w", "sha256:w")
		}, false},
		{"one more", func(e *enginetest.Engine) { e.Containers["3"] = container("3", "web", "w", "sha256:w") }, false},
		{"one of a service that is no more", func(e *enginetest.Engine) { e.Containers["3"] = container("3", "old", "w", "sha256:w") }, false},
		{"one that left a network", func(e *enginetest.Engine) {
			delete(e.Containers["1"].(object)["NetworkSettings"].(object)["Networks"].(object), "back")
		}, false},
		{"one in another network of that name", func(e *enginetest.Engine) {
			set(e.Containers["1"], "NetworkSettings", "Networks", "back", "NetworkID", "b2")
		}, false},
		{"an image that is another one now", func(e *enginetest.Engine) { set(e.Images["w"], "Id", "sha256:w2") }, false},
		{"an image that lost its name", func(e *enginetest.Engine) { delete(e.Images, "w") }, false},
		{"images that changed their names", func(e *enginetest.Engine) {
			e.Images["w"], e.Images["d"] = e.Images["d"], e.Images["w"]
		}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			e, s := up(t)
			before, err := s.Settle(t.Context())
			if err != nil || len(before) != 2 {
				t.Fatalf("got %q, %v", before, err)
			}
			c.change(e)
			all, still, err := s.StillSettled(t.Context(), before)
			if err != nil || still != c.still {
				t.Fatalf("got %v, %v", still, err)
			}
			if !still {
				return
			}
			users := make(map[string]string)
			for _, c := range all {
				users[c.Service] = c.User
			}
			if !maps.Equal(users, map[string]string{"web": "1000:1000", "db": "7:8"}) {
				t.Errorf("got %v", users)
			}
		})
	}
}

func TestOnlyWhatIsUpIsRemembered(t *testing.T) {
	e, s := up(t)
	e.Containers["1"].(object)["State"].(object)["Status"] = "restarting"
	if got, err := s.Settle(t.Context()); got != nil || err != nil {
		t.Errorf("one that is not up: %q, %v", got, err)
	}
	delete(e.Containers, "1")
	if got, err := s.Settle(t.Context()); got != nil || err != nil {
		t.Errorf("one that is missing: %q, %v", got, err)
	}
	if _, still, err := s.StillSettled(t.Context(), nil); still || err != nil {
		t.Errorf("nothing remembered: %v, %v", still, err)
	}
	if !slices.Contains(e.Asked(), "/containers/json") {
		t.Error("the engine was not asked")
	}
}

func TestAContainerThatIsMissingIsNotWaitedFor(t *testing.T) {
	e, s := up(t)
	delete(e.Containers, "1")
	began := time.Now()
	err := s.wait(t.Context(), waitHealthy, nil)
	if err == nil || err.Error() != `service web has no container; fix: "mage up" creates it` || time.Since(began) > grace {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
}
