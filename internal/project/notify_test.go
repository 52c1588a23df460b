package project_test

import (
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/project"
)

// The address of a webhook is a secret: of it, the host alone is shown.
func TestAWebhookIsNotShown(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{"https://s3cret:s3cret@example.com/s3cret?t=s3cret": "https://example.com/***", "s3cret": "***"} {
		e, err := project.Explain(t.Context(), write(t, map[string]string{".env": "NOTIFY_URL=" + address + "\n"}), nil)
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, s := range e.Settings {
			if s.Name == "NOTIFY_URL" {
				found = s.Value == want
			}
			if strings.Contains(s.Value+s.Problem, "s3cret") {
				t.Errorf("%s shows %q, %q", s.Name, s.Value, s.Problem)
			}
		}
		if !found {
			t.Errorf("%s is not shown as %s", address, want)
		}
	}
}
