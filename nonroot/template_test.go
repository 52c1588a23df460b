package nonroot_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/im2-audio/im2/nonroot"
)

// TestTheTemplateIsWhatTheRulesSay holds modules/Dockerfile.template to the rules, and the
// fixes to the template.
func TestTheTemplateIsWhatTheRulesSay(t *testing.T) {
	t.Parallel()
	template, err := os.ReadFile(filepath.Join("..", "modules", "Dockerfile.template"))
	if err != nil {
		t.Fatal(err)
	}
	for _, piece := range []string{nonroot.ShadowBlock, nonroot.UserLine} {
		if !strings.Contains(string(template), "\n"+piece+"\n") {
			t.Errorf("the template has not what a fix writes:\n%s", piece)
		}
	}
	compose, err := os.ReadFile(filepath.Join("..", "docker-compose.yml"))
	if err != nil {
		t.Fatal(err)
	}
	service, _, _ := strings.Cut(string(compose), "\n  watcher:\n")
	service += "\n  web:\n    <<: *service\n    build:\n      context: ./modules/web\n      args: *ids\n"
	r := audit(t, map[string]string{
		"modules/web/Dockerfile": strings.ReplaceAll(string(template), "service", "web"),
		"docker-compose.yml":     service,
		".env":                   goodEnv,
	})
	if len(r.Findings) > 0 || r.Services != 1 {
		t.Errorf("the template in %d services has\n%s", r.Services, show(r))
	}
}

// TestOurOwnProjectIsClean audits this very project.
func TestOurOwnProjectIsClean(t *testing.T) {
	t.Parallel()
	r := open(t, "..").audit(t)
	if len(r.Findings) > 0 || r.Suppressed > 0 || r.Services < 3 {
		t.Errorf("%d services, %d suppressed:\n%s", r.Services, r.Suppressed, show(r))
	}
}
