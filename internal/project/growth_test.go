package project

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/dotenv"
)

// doubling is a file whose values double with each line.
func doubling(lines int) string {
	var text strings.Builder
	text.WriteString("V0=0123456789\n")
	for i := range lines {
		fmt.Fprintf(&text, "V%d=${V%d}${V%d}\n", i+1, i, i)
	}
	return text.String()
}

// TestGrowthIsNeverTooSmall compares the limit with what compose-go makes of a file.
func TestGrowthIsNeverTooSmall(t *testing.T) {
	t.Parallel()
	doubled := doubling(12)
	lookup := func(name string) (string, bool) { return strings.Repeat("x", 50), name == "OUTSIDE" }
	for name, text := range map[string]string{
		"plain": "A=1\nB=2\n", "doubled": doubled, "again": "A=12345\n" + strings.Repeat("A=$A$A\n", 10), "a default": "A=1\nB=${X:-$A$A}\nC=${X:-$B$B}\n",
		"over lines": "A=\"1\n2\n3\"\nB=\"$A\n$A\"\n", "export": "export A=123\nexport B=$A$A$A\n", "yaml": "A: 123\nB: $A$A\n", "outside": "A=$OUTSIDE$OUTSIDE\nB=$A$A\n",
		"two in a line": "A=\"12345\" B=$A$A\nC=$B$B$B\n", "comments": "# A=$B\nA=1 # $A\n",
	} {
		values, err := dotenv.UnmarshalWithLookup(text, lookup)
		if err != nil {
			t.Logf("%s: %v", name, err)
			continue
		}
		sizes, whole := make(map[string]int), 0
		for _, value := range values {
			whole += len(value)
		}
		if limit := growth([]byte(text), sizes, lookup); limit < whole {
			t.Errorf("%s: %d bytes at most, and compose-go makes %d", name, limit, whole)
		}
	}
}

// TestSettingsThatMultiply: 41 short lines that come to a terabyte are refused wherever they are read.
func TestSettingsThatMultiply(t *testing.T) {
	t.Parallel()
	bomb := doubling(40)
	for name, files := range map[string]map[string]string{
		".env":      {".env": bomb, "compose.yml": "services: {a: {image: x}}\n"},
		"include":   {"bomb": bomb, "compose.yml": "include: [{path: b.yml, env_file: bomb}]\n", "b.yml": "services: {a: {image: x}}\n"},
		"a service": {"bomb": bomb, "compose.yml": "services: {a: {image: x, env_file: bomb}}\n"},
	} {
		root := t.TempDir()
		for file, text := range files {
			if err := os.WriteFile(filepath.Join(root, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Open(t.Context(), root, nil); err == nil || !strings.Contains(err.Error(), "more than 16 MiB") {
			t.Errorf("%s: Open: %v", name, err)
		}
		_, _, err := Examine(t.Context(), root, nil)
		if bad := err == nil || !strings.Contains(err.Error(), "more than 16 MiB"); bad != (name == "a service") { // an audit reads none of those
			t.Errorf("%s: Examine: %v", name, err)
		}
	}
}

// TestAssignments compares with the regular expression that says where one begins.
func TestAssignments(t *testing.T) {
	t.Parallel()
	slow := regexp.MustCompile(`(?m)^\s*(?:export\s+)?[A-Za-z_][\w.-]*\s*[=:]`)
	random := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"a", "Z_7", "7", ".-", "=", ":", " ", "\n", "\n\n", "\t", "\r\n", "\v", "#", "$", "é", "export", "export ", "A=1\n"}
	for range 20_000 {
		var text strings.Builder
		for range random.IntN(16) {
			text.WriteString(pieces[random.IntN(len(pieces))])
		}
		var want []int
		for _, m := range slow.FindAllStringIndex(text.String(), -1) {
			want = append(want, m[0])
		}
		if got := assignments([]byte(text.String())); !slices.Equal(got, want) {
			t.Fatalf("%q: %d, not %d", text.String(), got, want)
		}
	}
}

// TestAssignedNames compares with the regular expression that says what a name is.
func TestAssignedNames(t *testing.T) {
	t.Parallel()
	slow := regexp.MustCompile(`([A-Za-z_][\w.-]*)\s*[=:]`)
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		text := make([]byte, random.IntN(24))
		for i := range text {
			text[i] = "aZ_7.-=:=: \n\t\v$é"[random.IntN(17)]
		}
		var want []string
		for _, m := range slow.FindAllSubmatch(text, -1) {
			want = append(want, string(m[1]))
		}
		slices.Sort(want)
		if got := slices.Sorted(assignedNames(text)); !slices.Equal(got, want) {
			t.Fatalf("%q: %q, not %q", text, got, want)
		}
	}
}

// TestValuesOfText counts without decoding.
func TestValuesOfText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"": 0, "a": 1, "{a: 1, b: [1, 2, {c: 3}]}": 7, "a: &a {b: 1}\nc: *a\n": 4, "a: 1\n---\n[b]\n": 4, "a: 1\n---\n[b\n": 2,
	} {
		if got := valuesOfText([]byte(text)); got != want {
			t.Errorf("%q: %d, not %d", text, got, want)
		}
	}
}
