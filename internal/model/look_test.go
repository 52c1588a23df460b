package model

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/im2-audio/im2/internal/exit"
)

func TestInspectSaysWhatIsThereAndChangesNothing(t *testing.T) {
	t.Parallel()
	look := func(f *fixture) Found {
		t.Helper()
		found, err := f.look(t.Context())
		if err != nil || found.Path != f.path("test.onnx") {
			t.Fatalf("%+v, %v", found, err)
		}
		return found
	}
	f := newFixture(t)
	if found := look(f); found.There || found.Wrong != "" {
		t.Errorf("nothing is there: %+v", found)
	}
	f.put("test.onnx", f.content)
	if found := look(f); !found.There || found.Wrong != "" {
		t.Errorf("all is right: %+v", found)
	}
	if info, err := os.Lstat(f.path("test.onnx")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("it was changed: %v, %v", info, err)
	}
	f.put("test.onnx", f.content[1:])
	if found := look(f); !found.There || found.Wrong == "" {
		t.Errorf("a byte is missing: %+v", found)
	}
	f.content[7]++
	f.put("test.onnx", f.content)
	if found := look(f); !found.There || found.Wrong == "" {
		t.Errorf("a byte is another one: %+v", found)
	}
	if err := os.Remove(f.path("test.onnx")); err != nil {
		t.Fatal(err)
	}
	link(t, filepath.Join(f.Dir, "elsewhere"), f.path("test.onnx"))
	if found := look(f); !found.There || found.Wrong == "" {
		t.Errorf("it is a link: %+v", found)
	}
}

func TestInspectWithoutACacheOrAModel(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.Dir = filepath.Join(f.Dir, "none")
	if _, err := f.look(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	_, err := Inspect(t.Context(), Request{Dir: t.TempDir(), Engine: "onnx", Model: "none"})
	var coded *exit.Error
	if !errors.As(err, &coded) || coded.Code != exit.Unusable {
		t.Errorf("got %v", err)
	}
	g := newFixture(t)
	g.put("test.onnx", g.content)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.look(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
