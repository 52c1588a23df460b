package dockerfile_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/compose/dockerfile"
)

// TestLimits are files whose cost would grow without end.
func TestLimits(t *testing.T) {
	t.Parallel()
	var doubled, stored strings.Builder
	doubled.WriteString("FROM a\nENV v0=xxxxxxxx\n")
	stored.WriteString("FROM a\nENV v0=" + strings.Repeat("x", 10_000) + "\n")
	triggers := "FROM a AS s\n" + strings.Repeat("ONBUILD USER 1\n", 4_000)
	for i := range 60 {
		fmt.Fprintf(&doubled, "ENV v%d=$v%d$v%d\n", i+1, i, i)
	}
	for i := range 9_000 {
		fmt.Fprintf(&stored, "ENV w%d=$v0\n", i)
	}
	for name, text := range map[string]string{
		"values that double":  doubled.String(),
		"many long values":    stored.String(),
		"a long word":         "FROM a\nARG x=" + strings.Repeat("y", 100) + "\nUSER " + strings.Repeat("$x", 20_000) + "\n",
		"nested variables":    "FROM a\nUSER " + strings.Repeat("${A:-", 10_000) + strings.Repeat("}", 10_000) + "\n",
		"many triggers":       triggers + strings.Repeat("FROM s\n", 4_000) + "FROM a\n" + strings.Repeat("COPY --from=1 x x\nCOPY --from=2 x x\nCOPY --from=3 x x\n", 10),
		"many instructions":   "FROM a\n" + strings.Repeat("USER 1\n", 20_000),
		"given, and repeated": "FROM a\nARG given\nENV x=" + strings.Repeat("$given", 2_000) + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := dockerfile.Parse("Dockerfile", []byte(text))
			if err == nil {
				_, err = f.Resolve(dockerfile.Build{Args: map[string]string{"given": strings.Repeat("z", 1000)}})
			}
			if !errors.Is(err, dockerfile.ErrTooLarge) {
				t.Errorf("got %.200v", err)
			}
		})
	}
}

func TestManyStagesAndVariables(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	text.WriteString("FROM a AS s0\nENV x=1\n")
	for i := range 4_000 {
		fmt.Fprintf(&text, "FROM s%d AS s%d\nENV v%d=$x\n", i, i+1, i)
	}
	text.WriteString("USER $v0:$v3999\n")
	r, err := parse(t, text.String()).Resolve(dockerfile.Build{})
	if err != nil || r.User != "1:1" || len(r.Chain) != 4_001 || len(r.Env) != 4_001 {
		t.Errorf("got %v, %v", r, err)
	}
}
