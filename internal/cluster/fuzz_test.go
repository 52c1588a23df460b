package cluster_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/im2-audio/im2/internal/cluster"
	"github.com/im2-audio/im2/internal/policy"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/nonroot"
	"github.com/im2-audio/im2/nonroot/kubernetes"
)

// FuzzRender renders whatever Compose accepts: without a panic, twice the same, and so that the admission library takes what is not
// refused.
func FuzzRender(f *testing.F) {
	seeds, err := filepath.Glob(filepath.Join("..", "..", "nonroot", "testdata", "seeds", "Compose", "*"))
	if err != nil || len(seeds) == 0 {
		f.Fatal(seeds, err)
	}
	for _, path := range append(seeds, filepath.Join("..", "..", "docker-compose.yml")) {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`services: {a: {image: x, user: "1:1", ports: ["1-9:1-9/udp"], volumes: [v:/v, "./d:/d"], networks: {n: {aliases: [b]}}, gpus: all}}` +
		"\nvolumes: {v: {}}\nnetworks: {n: {internal: true}}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		dir := t.TempDir()
		for name, text := range map[string][]byte{"docker-compose.yml": text, ".env": []byte("APP_USER_ID=1000\nAPP_GROUP_ID=1000\n")} {
			if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		p, _, err := project.Examine(t.Context(), dir, nil)
		if err != nil {
			return // no project
		}
		found, err := nonroot.Audit(t.Context(), p.Compose, policy.Audit(p, nil))
		if err != nil {
			return
		}
		o := cluster.Options{Verdicts: make(map[string]nonroot.Verdict), Read: os.ReadFile}
		for _, v := range found.Verdicts {
			o.Verdicts[v.Service] = v
		}
		r, err := cluster.Render(p, o)
		if err != nil {
			return // refused
		}
		first, err := r.YAML()
		if err != nil {
			t.Fatal(err)
		}
		again, err := cluster.Render(p, o)
		if err != nil {
			t.Fatalf("rendered once, and then: %v", err)
		}
		if second, _ := again.YAML(); !bytes.Equal(first, second) {
			t.Errorf("rendered twice, it is\n%s\nand\n%s", first, second)
		}
		if r.Err() != nil {
			return
		}
		for _, o := range read(t, r) {
			if d, ok := o.(*appsv1.Deployment); ok {
				if refusals := kubernetes.Refusals(&d.Spec.Template.ObjectMeta, &d.Spec.Template.Spec); len(refusals) > 0 {
					t.Errorf("%s is refused: %v", d.Name, refusals)
				}
			}
		}
	})
}
