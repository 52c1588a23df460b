package image

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/build/inputs"
)

// parse reads a bake definition from JSON.
func parse(t *testing.T, text string) definition {
	t.Helper()
	var def definition
	if err := json.Unmarshal([]byte(text), &def); err != nil {
		t.Fatal(err)
	}
	return def
}

// want fails when def is not the JSON text.
func want(t *testing.T, def definition, text string) {
	t.Helper()
	got, err := json.Marshal(def.Target)
	if err != nil || string(got) != text {
		t.Errorf("got  %s, %v\nwant %s", got, err, text)
	}
}

func TestPruneKeepsWhatIsAskedForAndWhatThatIsMadeFrom(t *testing.T) {
	t.Parallel()
	def := parse(t, `{"group":{"default":{"targets":["b","a"]}},"target":{"a":{"contexts":{"x":"target:c","y":"/folder"}},
		"b":{},"c":{"contexts":{"z":"target:d"}},"d":{"contexts":{"round":"target:c"}},"e":{}}}`)
	def.prune()
	want(t, def, `{"a":{"contexts":{"x":"target:c","y":"/folder"}},"b":{},"c":{"contexts":{"z":"target:d"}},"d":{"contexts":{"round":"target:c"}}}`)
	if got := def.Group["default"].Targets; !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("the order is %q", got)
	}
}

func TestEscapeKeepsWhatComposeHasEscaped(t *testing.T) {
	t.Parallel()
	def := parse(t, `{"target":{"a":{"context":"/${x}","args":{"A":"$${b} %{c} $d 100%"},"dockerfile-inline":"$${e} %{f}",
		"labels":{"l":"${g} %{h}"},"tags":["${i}"],"no-cache":true,"shm-size":"64"}}}`)
	def.escape()
	want(t, def, `{"a":{"args":{"A":"$${b} %%{c} $d 100%"},"context":"/$${x}","dockerfile-inline":"$${e} %%{f}",`+
		`"labels":{"l":"$${g} %%{h}"},"no-cache":true,"shm-size":"64","tags":["$${i}"]}}`)
}

func TestTargetsAreMarkedByTheirServiceAndGetTheBaseOfTheDigest(t *testing.T) {
	t.Parallel()
	plan := &Plan{Modules: []Module{
		{Name: "a.b", Digest: "sha256:1", inputs: inputs.Inputs{Args: map[string]string{"BASE_IMAGE": "own"}}},
		{Name: "c", Digest: "sha256:2"},
	}}
	def := parse(t, `{"target":{
		"a_b":{"args":{"BASE_IMAGE":"asked","OTHER":"asked"},"labels":{"com.docker.compose.service":"a.b"}},
		"c":{"labels":{"com.docker.compose.service":"c"}},
		"d":{"labels":{"com.docker.compose.service":"d"}}}}`)
	def.mark(plan)
	want(t, def, `{"a_b":{"args":{"BASE_IMAGE":"own","OTHER":"asked"},"labels":{"com.docker.compose.service":"a.b","im2.inputs":"sha256:1"}},`+
		`"c":{"labels":{"com.docker.compose.service":"c","im2.inputs":"sha256:2"}},"d":{"labels":{"com.docker.compose.service":"d"}}}`)
}

func TestTheBundleIsASecretBesideTheOthers(t *testing.T) {
	t.Parallel()
	const targets = `{"target":{"a":{},"b":{"secret":["id=mine,src=/m"]},"c":{"secret":["id=ca,src=/own"]}}}`
	def := parse(t, targets)
	def.trust(`/with, "${quote}`)
	want(t, def, `{"a":{"secret":["id=ca,\"src=/with, \"\"$${quote}\""]},"b":{"secret":["id=mine,src=/m","id=ca,\"src=/with, \"\"$${quote}\""]},"c":{"secret":["id=ca,src=/own"]}}`)
	def = parse(t, targets)
	def.trust("")
	want(t, def, `{"a":{},"b":{"secret":["id=mine,src=/m"]},"c":{"secret":["id=ca,src=/own"]}}`)
}

func TestADefinitionIsJSONAndNoYAML(t *testing.T) {
	t.Parallel()
	text, err := parse(t, `{"group":{"default":{"targets":["a"]}},"target":{"a":{}}}`).encode()
	if err != nil || !json.Valid(text) || strings.Count(string(text), `"//":`) != 2 {
		t.Errorf("got %s, %v", text, err)
	}
}

func TestGrantsAreExactlyWhatIsUsed(t *testing.T) {
	t.Parallel()
	root, other := t.TempDir(), t.TempDir()
	root, err := filepath.EvalSymlinks(root)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(other, filepath.Join(root, "link")); err != nil {
		t.Skipf("skipped: no links here: %v", err)
	}
	cases := []struct{ name, target, want string }{
		{"inside", `"context":"ROOT/a","dockerfile":"ROOT/a/Dockerfile"`, ""},
		{"the root itself", `"context":"ROOT"`, ""},
		{"a sibling of like name", `"context":"ROOT-2"`, "fs.read=ROOT-2"},
		{"outside, a name and an address", `"context":"/other","dockerfile":"Dockerfile","contexts":{"a":"https://x.test/a","b":"target:c"}`, "fs.read=/other"},
		{"a link to the outside", `"context":"ROOT/link"`, "fs.read=ROOT/link"},
		{"named contexts", `"contexts":{"a":"/a","b":"oci-layout:///b"}`, "fs.read=/a fs.read=/b"},
		{"secrets", `"secret":["id=x,type=file,src=/s,1","id=y,type=env,env=Y","id=z,type=file,src=ROOT/z"]`, "fs.read=/s,1"},
		{"an agent and a key", `"ssh":["default=","deploy=/key"]`, "fs.read=/key ssh"},
		{"caches", `"cache-from":["type=local,src=/from"],"cache-to":["type=local,dest=/to"]`, "fs.read=/from fs.write=/to"},
		{"powers", `"network":"host","entitlements":["security.insecure"]`, "network.host security.insecure"},
		{"another network", `"network":"none"`, ""},
	}
	for _, c := range cases {
		fill := strings.NewReplacer("ROOT", filepath.ToSlash(root))
		def := parse(t, `{"target":{"a":{`+fill.Replace(c.target)+`}}}`)
		got := strings.TrimPrefix(strings.ReplaceAll(" "+strings.Join(def.grants(root, ""), " "), " --allow ", " "), " ")
		if got != fill.Replace(c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, fill.Replace(c.want))
		}
	}
	if got := parse(t, `{}`).grants(root, "/etc/ca.crt"); !slices.Equal(got, []string{"--allow", "fs.read=/etc/ca.crt"}) {
		t.Errorf("the bundle: %q", got)
	}
}
