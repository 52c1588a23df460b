package setup

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/docker/tools"
	"github.com/im2-audio/im2/internal/term"
)

// TestToolsThatOnlyRootCanUseAreBuilt: a checkout has users beside root, who see nothing of root's home folder.
func TestToolsThatOnlyRootCanUseAreBuilt(t *testing.T) {
	t.Parallel()
	plugin := func(path, version string) engine.Plugin { return engine.Plugin{Path: path, Version: version} }
	const inHome, forAll = "/root/.docker/cli-plugins/x", "/usr/libexec/docker/cli-plugins/x"
	for name, c := range map[string]struct {
		home            string // of root; "" is another user
		compose, buildx engine.Plugin
		want            []string
	}{
		"for everybody":    {"/root", plugin(forAll, "5.0.0"), plugin(forAll, "v0.30.0"), nil},
		"for root":         {"/root", plugin(inHome, "5.0.0"), plugin(forAll, "v0.30.0"), []string{"docker-compose"}},
		"for another user": {"", plugin("/home/a/.docker/cli-plugins/x", "5.0.0"), plugin(forAll, "v0.30.0"), nil},
		"nearly root's":    {"/root", plugin("/root2/x", "5.0.0"), plugin(forAll, "v0.30.0"), nil},
		"old, and none":    {"/root", plugin(forAll, "1.29.2"), engine.Plugin{}, []string{"docker-compose", "docker-buildx"}},
		"for root, both":   {"/root", plugin(inHome, "5.0.0"), plugin(inHome, "v0.30.0"), []string{"docker-compose", "docker-buildx"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ui, _, _ := term.Test()
			b := &toolBuilds{kit: tools.Kit{Home: filepath.Join(t.TempDir(), "home"), Runner: &recorder{}, UI: ui}, ownHome: c.home}
			e := &engine.Engine{Compose: c.compose, Buildx: c.buildx}
			b.start(t.Context(), e)
			b.start(t.Context(), e)
			if err := b.wait(); (err != nil) != (len(c.want) > 0) { // the recorder builds nothing
				t.Errorf("building: %v", err)
			}
			var got []string
			for _, build := range b.all {
				got = append(got, build.tool.Name)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("built %q, want %q", got, c.want)
			}
		})
	}
}
