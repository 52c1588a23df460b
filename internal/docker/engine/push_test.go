package engine

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/run"
)

// imageStore has the names of an engine's images.
type imageStore map[string]bool

// Run answers as the docker command does.
func (s imageStore) Run(_ context.Context, c run.Cmd) error {
	last := c.Args[len(c.Args)-1]
	switch strings.Join(c.Args[:2], " ") {
	case "image inspect":
		if !s[last] {
			_, _ = io.WriteString(c.Stdout, "[]\n")
			return &run.Error{Cmd: c, Stderr: "Error: No such image: " + last}
		}
		_, _ = io.WriteString(c.Stdout, `[{"Id": "sha256:1"}]`)
	case "image tag":
		s[last] = true
	case "image rm":
		delete(s, last)
	case "image push":
		if !strings.HasPrefix(last, "reg.test/") {
			return &run.Error{Cmd: c, Stderr: "dial tcp 127.0.0.1:1: connect: connection refused", Err: errors.New("exit status 1")}
		}
		_, _ = io.WriteString(c.Stdout, "latest: digest: sha256:"+strings.Repeat("a", 64)+" size: 528\n")
	}
	return nil
}

// The name for a registry that does not answer is not kept, and the error says how to log in.
func TestARegistryThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	store := imageStore{"shop-web": true}
	_, err := (&Client{Docker: "docker", runner: store}).Push(t.Context(), "shop-web", "127.0.0.1:1/team/web:latest", io.Discard)
	var coded *exit.Error
	if !errors.As(err, &coded) || coded.Code != exit.Missing || !strings.Contains(err.Error(), "connection refused") ||
		!strings.Contains(err.Error(), `; fix: "docker login 127.0.0.1:1" if it asks for a password; otherwise the engine must reach it`) {
		t.Errorf("Push = %v", err)
	}
	if len(store) != 1 {
		t.Errorf("the engine has %v", store)
	}
}

// Of an image whose own name is that in the registry, nothing but the push is left to do: it is not removed.
func TestAPushLeavesTheNamesAsTheyWere(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		before []string
		image  string
	}{
		{[]string{"shop-web"}, "shop-web"},
		{[]string{"reg.test/team/web:latest"}, "reg.test/team/web:latest"},
		{[]string{"reg.test/team/web:latest", "shop-web"}, "shop-web"},
	} {
		store := imageStore{}
		for _, name := range c.before {
			store[name] = true
		}
		client := &Client{Docker: "docker", runner: store}
		ref, err := client.Push(t.Context(), c.image, "reg.test/team/web:latest", io.Discard)
		if want := "reg.test/team/web@sha256:" + strings.Repeat("a", 64); ref != want || err != nil {
			t.Errorf("Push = %q, %v; want %q", ref, err, want)
		}
		var after []string
		for name := range store {
			after = append(after, name)
		}
		if slices.Sort(after); !slices.Equal(after, c.before) {
			t.Errorf("pushing %s: the engine has %q, and had %q", c.image, after, c.before)
		}
	}
}
