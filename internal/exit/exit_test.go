package exit_test

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"testing"

	"github.com/im2-audio/im2/internal/exit"
)

func TestOutermost(t *testing.T) {
	t.Parallel()
	plain := errors.New("plain")
	cases := []struct {
		name string
		err  error
		want int
	}{
		{"no code", plain, 1},
		{"own code", exit.With(exit.Missing, plain), 3},
		{"code below a wrap", fmt.Errorf("building: %w", exit.Errorf(exit.Unusable, "bad %q", "x")), 2},
		{"code inside a joined error", errors.Join(plain, exit.With(exit.Missing, plain)), 3},
		{"interrupt beats the code", exit.With(exit.Missing, fmt.Errorf("running: %w", context.Canceled)), 130},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			// As Mage does: a type assertion on the outermost error, no errors.As.
			got, ok := exit.Outermost(c.err).(interface{ ExitStatus() int })
			if !ok || got.ExitStatus() != c.want {
				t.Fatalf("got %v (%v), want %d", got, ok, c.want)
			}
			if !errors.Is(exit.Outermost(c.err), c.err) {
				t.Fatal("the cause is lost")
			}
		})
	}
	if exit.Outermost(nil) != nil || exit.With(exit.Failed, nil) != nil {
		t.Fatal("nil must stay nil")
	}
}

func TestAnInterruptSaysWhatWasGoingOn(t *testing.T) {
	t.Parallel()
	following := fmt.Errorf("following %q: %w", "song.wav", context.Canceled)
	for _, c := range []struct {
		err  error
		want string
	}{
		{context.Canceled, "interrupted"},
		{following, `interrupted: following "song.wav"`},
		{errors.Join(following, context.Canceled), `interrupted: following "song.wav"`},
		{errors.Join(following, errors.New("1 file left"), following), `interrupted: following "song.wav": 1 file left`},
		{fmt.Errorf("waiting: %w; they go on; \"mage status\" shows them", context.Canceled), `interrupted: waiting; they go on; "mage status" shows them`},
		{fmt.Errorf("naming \x1b[31m: %w", context.Canceled), `interrupted: naming  [31m`},
	} {
		if got := exit.Outermost(c.err).Error(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestTheFixIsToldApart(t *testing.T) {
	t.Parallel()
	setup := exit.Fix{Type: "mage setup", Note: "installs it"}
	for _, c := range []struct {
		err        error
		full, bare string
		fix        exit.Fix
	}{
		{errors.New(`open; "x"`), `open; "x"`, `open; "x"`, exit.Fix{}},
		{exit.Fixable(exit.Missing, setup, "no %s", "docker"), `no docker; fix: "mage setup" installs it`, "no docker", setup},
		{
			fmt.Errorf("asking: %w (twice)", exit.With(exit.Failed, exit.Fixable(exit.Missing, setup, "no docker"))),
			`asking: no docker; fix: "mage setup" installs it (twice)`, "asking: no docker (twice)", setup,
		},
		{
			exit.Fixable(exit.Failed, exit.Fix{Type: "x", Note: ", then y"}, "bad: %w", errors.New("worse")),
			`bad: worse; fix: "x", then y`, "bad: worse",
			exit.Fix{Type: "x", Note: ", then y"},
		},
		{exit.Fixable(exit.Failed, exit.Fix{Note: "restart it"}, "bad"), "bad; fix: restart it", "bad", exit.Fix{Note: "restart it"}},
	} {
		if got := c.err.Error(); got != c.full {
			t.Errorf("got %s, want %s", got, c.full)
		}
		if bare, fix := exit.Split(c.err); bare != c.bare || fix != c.fix {
			t.Errorf("%s: got %q and %+v", c.full, bare, fix)
		}
	}
}

// What is typed as root must be about the folder that is meant, and nothing else.
func TestACommandToTypeHasWholePaths(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/srv/data", "/home/me/my songs/data", "/srv/it's", "/srv/a;b", "/srv/$(touch x)", "/srv/ü\"*", "", `/srv/a\b`, "/srv/a\nb"} {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", "printf '[%s]' "+exit.Word(path)).Output()
		if err != nil || string(out) != "["+path+"]" {
			t.Errorf("%q: the shell has %q, %v", path, out, err)
		}
	}
	if got := exit.Word("/srv/data-1.x"); got != "/srv/data-1.x" {
		t.Errorf("quotes that nobody needs: %s", got)
	}
}
