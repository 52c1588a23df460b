package stack_test

import (
	"slices"
	"testing"

	"github.com/im2-audio/im2/internal/docker/stack"
)

func TestKubectlPrintsTheSameLines(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		asked stack.Logs
		want  []string // nil for an error
	}{
		{stack.Logs{}, []string{"--tail=-1"}},
		{stack.Logs{Follow: true}, []string{"--tail=100", "--follow"}},
		{stack.Logs{Follow: true, Since: "10m"}, []string{"--tail=-1", "--follow", "--since=10m"}},
		{stack.Logs{Tail: new(0)}, []string{"--tail=0"}},
		{stack.Logs{Since: "2026-11-28T09:30:00Z"}, []string{"--tail=-1", "--since-time=2026-11-28T09:30:00Z"}},
		{stack.Logs{Tail: new(-1)}, nil},
		{stack.Logs{Since: "yesterday"}, nil},
	} {
		args, err := c.asked.Kubectl()
		if (err != nil) != (c.want == nil) || err == nil && !slices.Equal(args, c.want) {
			t.Errorf("%+v: %q, %v, want %q", c.asked, args, err, c.want)
		}
	}
}
