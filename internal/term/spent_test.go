package term

import (
	"strings"
	"testing"
	"time"
)

func TestTheTableIsShortAndSorted(t *testing.T) {
	t.Parallel()
	var spent Spent
	for i := range 40 {
		spent.Add(strings.Repeat("x", i+1)+".", time.Second)
	}
	spent.Add("the longest", 90*time.Second)
	spent.Add("the second", 80*time.Second)
	spent.Add("what was there already", 40*time.Millisecond)
	ui, out, _ := Test()
	spent.Print(ui)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 17 || !strings.HasPrefix(lines[1], "90.0 s  the longest") || !strings.HasPrefix(lines[2], "80.0 s") ||
		lines[3] != "1.0 s   x." || lines[16] != "27.0 s  27 more, together" {
		t.Errorf("%d lines:\n%s", len(lines), out)
	}
}
