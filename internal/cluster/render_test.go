package cluster_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/cluster"
	"github.com/im2-audio/im2/internal/policy"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/nonroot"
	"github.com/im2-audio/im2/nonroot/kubernetes"
)

// render renders a Compose file in a folder of its own, with what the audit says of its users.
func render(t *testing.T, compose string, changes ...func(*cluster.Options)) (cluster.Rendered, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "docker-compose.yml"), []byte(compose), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".env"), []byte("APP_USER_ID=1000\nAPP_GROUP_ID=1000\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return renderIn(t, dir, changes...)
}

func renderIn(t *testing.T, dir string, changes ...func(*cluster.Options)) (cluster.Rendered, error) {
	t.Helper()
	p, err := project.Open(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	found, err := nonroot.Audit(t.Context(), p.Compose, policy.Audit(p, nil))
	if err != nil {
		t.Fatal(err)
	}
	o := cluster.Options{Verdicts: make(map[string]nonroot.Verdict), Read: os.ReadFile}
	for _, v := range found.Verdicts {
		o.Verdicts[v.Service] = v
	}
	for _, change := range changes {
		change(&o)
	}
	return cluster.Render(p, o)
}

// The project's own Compose file becomes what the restricted profile takes, and every field is one of the API.
func TestOurOwnProject(t *testing.T) {
	t.Parallel()
	for _, scaler := range append(slices.Clone(cluster.Autoscalers), "") {
		r, err := renderIn(t, filepath.Join("..", ".."), func(o *cluster.Options) { o.Autoscale = scaler })
		if err != nil || r.Err() != nil {
			t.Fatal(err, r.Err())
		}
		read(t, r)
		for _, service := range []string{"watcher", "demucs", "organizer"} {
			template := deployment(t, r, service).Spec.Template
			if refusals := kubernetes.Refusals(&template.ObjectMeta, &template.Spec); len(refusals) > 0 {
				t.Errorf("%s: %v", service, refusals)
			}
		}
		if n := deployment(t, r, "demucs").Spec.Replicas; (n == nil) != (scaler != "") {
			t.Errorf("with %q, the workers have %v replicas: applying it again would undo what the autoscaler did", scaler, n)
		}
		if args := deployment(t, r, "organizer").Spec.Template.Spec.Containers[0].Args; (len(args) == 0) != (scaler == "") {
			t.Errorf("with %q, the organizer has the arguments %q", scaler, args)
		}
	}
	if _, err := render(t, `services: {a: {image: x, user: "1:1"}}`, func(o *cluster.Options) { o.Autoscale = "keda" }); err == nil || !strings.Contains(err.Error(), "no services demucs and organizer") {
		t.Errorf("a project without workers: %v", err)
	}
}

// Names that become the same are refused, and not one rendered over the other.
func TestNamesThatBecomeTheSame(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ compose, want string }{
		"services": {
			`services: {a_b: {image: x, user: "1:1"}, a-b: {image: x, user: "1:1"}}`,
			"the services a-b and a_b both become a-b",
		},
		"a folder and a volume": {
			`{services: {a: {image: x, user: "1:1", volumes: ["./data:/a", "data:/b"]}}, volumes: {data: {}}}`,
			"become PersistentVolumeClaim data; fix: rename one",
		},
		"a Service": {
			`services: {a: {image: x, user: "1:1", ports: ["80"]}, a-published: {image: x, user: "1:1"}}`,
			"become Service a-published",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := render(t, c.compose); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// Images that are built are in the registry of x-im2, with what told them apart before; others are where they were.
func TestReferences(t *testing.T) {
	t.Parallel()
	const compose = `name: one
x-im2: {registry: reg.test/team}
services:
  a: {user: "1000:1000", build: .}
  b: {user: "1000:1000", build: ., image: shop/web}
  c: {user: "1000:1000", build: ., image: "other.test/shop/web:2"}
  d: {user: "1000:1000", build: ., image: "reg.test/team/d:3"}
  e: {user: "1000:1000", image: "postgres:17"}
`
	r, err := render(t, compose)
	if err != nil {
		t.Fatal(err)
	}
	for service, want := range map[string]string{
		"a": "reg.test/team/one-a:latest", "b": "reg.test/team/shop/web:latest", "c": "reg.test/team/shop/web:2", "d": "reg.test/team/d:3", "e": "postgres:17",
	} {
		if got := deployment(t, r, service).Spec.Template.Spec.Containers[0].Image; got != want {
			t.Errorf("%s: got %s, want %s", service, got, want)
		}
	}
}

// The commands of notes work in the order in which they are said.
func TestTheNamespaceIsCreatedBeforeWhatIsInIt(t *testing.T) {
	t.Parallel()
	r, err := render(t, `name: one
services:
  a: {image: x, user: "1:1", secrets: [s], configs: [c]}
  b: {image: x, user: "1:1", secrets: [s]}
secrets: {s: {file: ./s}}
configs: {c: {file: ./c}}
`)
	if err != nil || r.Err() != nil {
		t.Fatal(err, r.Err())
	}
	var commands []string
	for _, line := range r.Lines() {
		if _, command, is := strings.Cut(line, ": kubectl "); is {
			commands = append(commands, command)
		}
	}
	want := []string{
		"create namespace one, unless cluster-up has made it", "-n one create secret generic s --from-file=s=s (also b)", "-n one create configmap c --from-file=c=c",
	}
	if !slices.Equal(commands, want) {
		t.Errorf("the notes say %q, want %q", commands, want)
	}
	if r, err := render(t, `services: {a: {image: x, user: "1:1"}}`); err != nil || strings.Contains(strings.Join(r.Lines(), "\n"), "create namespace") {
		t.Errorf("%v, %q", err, r.Lines())
	}
}

// One file is no folder: it is a ConfigMap, which the note says how to create, and cannot be written.
func TestOneFile(t *testing.T) {
	t.Parallel()
	isFile := func(o *cluster.Options) {
		o.IsFile = func(path string) bool { return filepath.Base(path) == "web.conf" }
	}
	r, err := render(t, `services: {a: {image: x, user: "1:1", volumes: ["./conf/web.conf:/etc/web.conf:ro"]}}`, isFile)
	if err != nil || r.Err() != nil {
		t.Fatal(err, r.Err())
	}
	m := deployment(t, r, "a").Spec.Template.Spec.Containers[0].VolumeMounts[0]
	if m.SubPath != "web.conf" || m.MountPath != "/etc/web.conf" || !m.ReadOnly || !strings.Contains(r.Notes[1].Text, "create configmap conf-web-conf --from-file=conf/web.conf") {
		t.Errorf("%+v, %v", m, r.Notes)
	}
	if r, err = render(t, `services: {a: {image: x, user: "1:1", volumes: ["./web.conf:/etc/web.conf"]}}`, isFile); err != nil || len(r.Refused()) != 1 {
		t.Errorf("one that can be written: %v, %v", err, r.Notes)
	}
}

// The projects a_b and a-b share the name of a namespace: it says which of them it is of. Every object says which model it is of, by
// which one of an earlier model is told from it.
func TestTheNamespaceNamesTheProject(t *testing.T) {
	t.Parallel()
	const rest = "\nservices: {organizer: {image: x, user: \"1:1\", ports: [\"80\"], networks: [n]}, demucs: {image: x, user: \"1:1\", networks: [n]}}\nnetworks: {n: {}}\n"
	for _, name := range []string{"a_b", "a-b"} {
		r, err := render(t, "name: "+name+rest, func(o *cluster.Options) { o.Autoscale = "hpa" })
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Objects[0].GetAnnotations()[cluster.AnnotationProject]; got != name || r.Namespace != "a-b" {
			t.Errorf("the namespace %s is of %q, want %q", r.Namespace, got, name)
		}
		for _, o := range r.Objects {
			if got := o.GetAnnotations()[cluster.AnnotationModel]; got != r.Model || r.Model == "" {
				t.Errorf("%s %s is of the model %q", o.GetObjectKind().GroupVersionKind().Kind, o.GetName(), got)
			}
		}
	}
}

// A volume is in no namespace: the volumes of the claim "b-c" of a and of the claim "c" of a-b have two names.
func TestVolumesOfTwoProjectsHaveTwoNames(t *testing.T) {
	t.Parallel()
	names := make(map[string]bool)
	for project, folder := range map[string]string{"a": "b-c", "a-b": "c"} {
		r, err := render(t, "name: "+project+"\nx-im2: {data: ./"+folder+", storage: {nfs: \"files.test:/x\"}}\nservices: {s: {image: x, user: \"1000:1000\", volumes: [\"./"+folder+":/d\"]}}\n")
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range r.Objects {
			if o.GetObjectKind().GroupVersionKind().Kind == "PersistentVolume" {
				names[o.GetName()] = true
			}
		}
	}
	if len(names) != 2 {
		t.Errorf("the volumes of two projects are %v", names)
	}
}
