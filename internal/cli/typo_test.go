package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/project"
)

func TestTypos(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for name, text := range map[string]string{
		".env":         "APP_USER_ID=1000\nAPP_GROUP_ID=1000\nWEB_PORT=80\nBASE_IMAGES=a\n",
		".env.local":   "APP_USR_ID=5\nAPP_USER_IDS=6\nSOMETHING=x\nIM2_WEB_ADDRESS=x\nWEB_UPLOAD=on\n",
		"compose.yaml": "services:\n  web:\n    image: x\n    user: \"${APP_USER_IDS}\"\n",
	} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p, err := project.Open(t.Context(), root, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(typos(p), "\n")
	want := `APP_USR_ID in .env.local:1 is no setting, and nothing reads it; did you mean APP_USER_ID?
BASE_IMAGES in .env:4 is no setting, and nothing reads it; did you mean BASE_IMAGE?
IM2_WEB_ADDRESS in .env.local:4 is no setting, and nothing reads it; did you mean WEB_ADDRESS?
WEB_UPLOAD in .env.local:5 is no setting, and nothing reads it; did you mean IM2_WEB_UPLOAD?`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
