//go:build unix

package ownership_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/ownership"
)

func TestResetBelow(t *testing.T) {
	t.Parallel()
	data, outside := t.TempDir(), t.TempDir()
	must(t, os.MkdirAll(filepath.Join(data, "a", "b"), 0o700), os.MkdirAll(filepath.Join(data, "c"), 0o700),
		os.WriteFile(filepath.Join(data, "a", "b", "file"), nil, 0o600), os.WriteFile(filepath.Join(data, "c", "file"), nil, 0o600),
		os.WriteFile(filepath.Join(outside, "file"), nil, 0o600), os.Symlink(outside, filepath.Join(data, "out")))
	req := ownership.Request{Folder: data, Owner: other()}
	sum, err := ownership.ResetBelow(t.Context(), req, filepath.Join("a", "b"))
	if err != nil || sum.Seen != 2 || len(sum.Problems) != 0 {
		t.Fatalf("%+v, %v", sum, err)
	}
	check(t, filepath.Join(data, "a", "b"), other(), 0o755)
	check(t, filepath.Join(data, "a", "b", "file"), other(), 0o644)
	check(t, filepath.Join(data, "a"), self(), 0o700)
	check(t, filepath.Join(data, "c", "file"), self(), 0o600)

	for _, below := range []string{"out", "../x", "missing", filepath.Join("c", "file")} {
		_, err := ownership.ResetBelow(t.Context(), req, below)
		var coded *exit.Error
		if !errors.As(err, &coded) || coded.Code != exit.Unusable {
			t.Errorf("%s: got %v", below, err)
		}
	}
	check(t, filepath.Join(outside, "file"), self(), 0o600)

	if sum, err := ownership.ResetBelow(t.Context(), req, "."); err != nil || sum.Seen != 7 {
		t.Errorf("%+v, %v", sum, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ownership.ResetBelow(ctx, req, "a"); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), filepath.Join(data, "a")) {
		t.Errorf("got %v", err)
	}
}
