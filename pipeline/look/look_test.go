package look_test

import (
	"regexp"
	"testing"

	"github.com/im2-audio/im2/pipeline/look"
)

// Every colour has one value for light and one for dark, and no rule uses one that there is not.
func TestColours(t *testing.T) {
	t.Parallel()
	values := map[string]int{}
	for _, m := range regexp.MustCompile(`(--[a-z]+): #[0-9a-f]{3,6};`).FindAllStringSubmatch(string(look.Style), -1) {
		values[m[1]]++
	}
	if len(values) < 10 {
		t.Errorf("there are %d colours", len(values))
	}
	for name, n := range values {
		if n != 2 {
			t.Errorf("%s has %d values", name, n)
		}
	}
	for _, m := range regexp.MustCompile(`var\((--[a-z]+)\)`).FindAllStringSubmatch(string(look.Style), -1) {
		if values[m[1]] == 0 {
			t.Errorf("%s has no value", m[1])
		}
	}
}
