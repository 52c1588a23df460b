package look_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/im2-audio/im2/pipeline/look"
)

var colour = regexp.MustCompile(`--[a-z]+: #[0-9a-f]{3,6};`)

// Reports have the colours of the pages that the service web shows, light and dark.
func TestColours(t *testing.T) {
	t.Parallel()
	pages, err := os.ReadFile("../../modules/web/server/static/style.css")
	if err != nil {
		t.Fatal(err)
	}
	want, got := colour.FindAllString(string(pages), -1), colour.FindAllString(string(look.Style), -1)
	if len(want) < 20 || len(got) != len(want) {
		t.Fatalf("the reports have %d colours, the pages %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("the reports have %q, and the pages %q", got[i], want[i])
		}
	}
}
