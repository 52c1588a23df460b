package composefile_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestALargeFileReadsAsASmallOne asks the same of a file with three services and of one with
// hundreds, whose keys are found another way.
func TestALargeFileReadsAsASmallOne(t *testing.T) {
	t.Parallel()
	var many strings.Builder
	for i := range 300 {
		fmt.Fprintf(&many, "  s%d:\n    image: x\n", i)
	}
	for name, more := range map[string]string{"small": "", "large": many.String()} {
		main := "x-team: &team\n  user: root\nservices:\n  first:\n    image: a\n  <<: {merged: {image: m, user: root}, first: {image: wrong}, plain: text}\n" +
			more + "  last:\n    <<: *team\n    image: z\n"
		s, err := open(t, map[string]string{
			"/p/compose.yaml":  main,
			"/p/override.yaml": "x-im2:\n  data: ./there\n",
		}, "/p/compose.yaml", "/p/override.yaml")
		if err != nil {
			t.Fatal(err)
		}
		for query, want := range map[string]string{
			"first image": "a", "merged user": "root", "last image": "z", "last user": "root", "none image": "", "<< plain": "",
		} {
			service, key, _ := strings.Cut(query, " ")
			got := ""
			if place, ok := s.Find(service, key); ok {
				got = place.Value.Value
			}
			if got != want {
				t.Errorf("%s: %s is %q, want %q", name, query, got, want)
			}
		}
	}
}
