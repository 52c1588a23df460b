package project_test

import (
	"testing"

	"github.com/im2-audio/im2/internal/project"
)

func TestAssign(t *testing.T) {
	t.Parallel()
	cases := []struct{ text, want string }{
		{"", "X=2\n"},
		{"X=1\n", "X=2\n"},
		{"# mine\nA=b\nX=1\nX=0\nXY=3", "# mine\nA=b\nXY=3\nX=2\n"},
		{"export X=1\nA=b\n", "A=b\nX=2\n"},
		{"A=b\n\nC=d\n", "A=b\n\nC=d\nX=2\n"},
	}
	for _, c := range cases {
		if got := project.Assign(c.text, "X", "2"); got != c.want {
			t.Errorf("project.Assign(%q) = %q, want %q", c.text, got, c.want)
		}
	}
}
