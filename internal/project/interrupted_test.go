package project

import (
	"context"
	"errors"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
)

func TestAnInterruptEndsWhatIsStuck(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	begun, end := make(chan struct{}), make(chan struct{})
	defer close(end)
	go func() {
		<-begun
		cancel()
	}()
	_, err := unlessInterrupted(ctx, func() (int, error) {
		close(begun)
		<-end
		return 1, nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	var none *int
	if _, err := unlessInterrupted(t.Context(), func() (int, error) { return *none, nil }); err == nil {
		t.Error("a panic is no error")
	}
}

func TestAnInterruptEndsIncludes(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := references{interrupted: ctx.Err, refuse: func(input) error { return nil }, seen: make(map[string]bool), parsed: make(map[string][]document)}
	folder := t.TempDir()
	if err := r.include(types.IncludeConfig{Path: types.StringList{"none.yml"}}, newScope(folder, folder, nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
