package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// table is decisions as docs/cluster.md shows them: keys with the same fate in one line.
func table() string {
	keys := make(map[decision][]string)
	var order []decision
	for _, wanted := range []fate{rendered, noted, refused} {
		for _, key := range sortedKeys(decisions) {
			d := decisions[key]
			if d.fate != wanted {
				continue
			}
			if keys[d] == nil {
				order = append(order, d)
			}
			keys[d] = append(keys[d], "`"+key+"`")
		}
	}
	var b strings.Builder
	b.WriteString("| key | in Kubernetes |\n|---|---|\n")
	for _, d := range order {
		text := d.as
		switch d.fate {
		case noted:
			text = "a note: " + text
		case refused:
			text = "refused: " + text
		case rendered, moot, nested:
		}
		fmt.Fprintf(&b, "| %s | %s |\n", strings.Join(keys[d], ", "), text)
	}
	return b.String()
}

// TestThePageIsCurrent holds docs/cluster.md to what becomes of each key.
func TestThePageIsCurrent(t *testing.T) {
	t.Parallel()
	path := filepath.Join("..", "..", "docs", "cluster.md")
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "-run Page -->\n", "<!-- end of the table -->\n"
	before, rest, ok := strings.Cut(string(page), begin)
	_, after, also := strings.Cut(rest, end)
	if !ok || !also {
		t.Fatalf("%s has no place for the table", path)
	}
	want := before + begin + "\n" + table() + "\n" + end + after
	if os.Getenv("IM2_UPDATE_SCRIPTS") != "" {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil { //nolint:gosec // a page of the documentation
			t.Fatal(err)
		}
		return
	}
	if string(page) != want {
		t.Errorf("the table in %s is not current; fix: IM2_UPDATE_SCRIPTS=1 go test ./internal/cluster -run Page", path)
	}
}
