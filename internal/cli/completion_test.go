package cli

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/im2-audio/im2/internal/usage"
)

// TestEveryArgumentHasValuesOrIsFree makes whoever adds an argument decide what completes it.
func TestEveryArgumentHasValuesOrIsFree(t *testing.T) {
	t.Parallel()
	free := []string{"lengths", "name", "user", "run", "packages", "overlap", "since", "baseline", "replicas", "older"} // free text; of Go tests, "run" is a pattern, "packages" are patterns; overlap is a number; baseline any file
	root := t.TempDir()
	files := map[string]string{
		".env":               "APP_USER_ID=1000\nAPP_GROUP_ID=1000\n",
		"docker-compose.yml": "x-im2: {data: ./data, folders: [input]}\nservices: {web: {build: ./web}}\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	u, err := usage.Read(os.DirFS("../../magefiles"))
	if err != nil {
		t.Fatal(err)
	}
	values := Target{Root: t.TempDir()}.values(t.Context())
	for _, target := range u.Targets {
		names := slices.Clone(target.Words)
		for _, f := range target.Flags {
			if f.Type == "string" && f.Name != "line" { // the script's own question
				names = append(names, f.Name)
			}
		}
		for _, name := range names {
			if has := len(values(root, target.Name, name)) > 0; has == slices.Contains(free, name) {
				t.Errorf("%q of %q: it has values: %v; is it free?", name, target.Name, has)
			}
		}
	}
}
