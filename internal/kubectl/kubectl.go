// Package kubectl runs the kubectl command, with the context that its user has chosen, and says in one line what is
// wrong with a cluster.
package kubectl

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/safetext"
)

// answers is how long the API server may take for one answer.
const answers = 15 * time.Second

// Kubectl is the command and the environment that tells it which cluster is meant.
type Kubectl struct {
	// Context is the name of the context that is in force.
	Context string

	path    string
	runner  run.Runner
	environ []string
}

// Open finds the command, and asks it which context is in force and whether that cluster answers. The exit code of
// its errors is exit.Missing.
func Open(ctx context.Context, r run.Runner, environ []string) (*Kubectl, error) {
	path, err := run.Find("kubectl")
	if err != nil {
		return nil, exit.Fixable(exit.Missing, exit.Fix{Note: "install it as https://kubernetes.io/docs/tasks/tools/ says"}, `no command "kubectl" in PATH`)
	}
	k := &Kubectl{path: path, runner: r, environ: environ}
	out, err := run.Output(ctx, r, k.command("config", "current-context"))
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if k.Context = strings.TrimSpace(string(out)); err != nil || k.Context == "" {
		return nil, exit.Fixable(exit.Missing, exit.Fix{Type: "kubectl config use-context NAME", Note: `chooses a cluster, "kubectl config get-contexts" lists them`},
			"kubectl has no current context: %s", said(err))
	}
	if _, err := k.output(ctx, nil, "get", "--raw=/readyz"); err != nil {
		return nil, err
	}
	return k, nil
}

// command has a limit for each answer. What waits for events sets none.
func (k *Kubectl) command(args ...string) run.Cmd {
	return k.unlimited(append(args, "--request-timeout="+answers.String())...)
}

// unlimited names the context once it is known: the current one may change while images are built.
func (k *Kubectl) unlimited(args ...string) run.Cmd {
	if k.Context != "" {
		args = append(args, "--context="+k.Context)
	}
	return run.Cmd{Name: k.path, Args: args, Env: k.environ}
}

// output runs kubectl and returns what it writes. Its errors are explained.
func (k *Kubectl) output(ctx context.Context, input []byte, args ...string) ([]byte, error) {
	cmd := k.command(args...)
	if input != nil {
		cmd.Stdin = bytes.NewReader(input)
	}
	out := run.Buffer{Limit: 64 << 20}
	cmd.Stdout = &out
	err := k.runner.Run(ctx, cmd)
	return out.Bytes(), k.explain(ctx, err)
}

// get reads objects of a namespace as JSON; kinds are names with commas. What is not there is no error.
func (k *Kubectl) get(ctx context.Context, into any, namespace string, args ...string) error {
	out, err := k.output(ctx, nil, append([]string{"get", "--namespace=" + namespace, "--output=json", "--ignore-not-found"}, args...)...)
	if err != nil || len(bytes.TrimSpace(out)) == 0 {
		return err
	}
	if err := json.Unmarshal(out, into); err != nil {
		return exit.Errorf(exit.Failed, "reading what kubectl says of %s: %w", namespace, err)
	}
	return nil
}

// Apply gives the cluster objects as YAML or JSON. It asks for what other tools do not own (server-side apply).
func (k *Kubectl) Apply(ctx context.Context, manifests []byte) error {
	_, err := k.output(ctx, manifests, "apply", "--server-side", "--field-manager=im2", "--force-conflicts", "--filename=-")
	return err
}

// gone is how long Delete waits. By itself, kubectl waits for a week.
const gone = 2 * time.Minute

// Delete removes objects of these kinds, with commas, and waits until they are gone. Of kinds that the cluster does not
// know there are none. The error names what is still there, and what keeps it.
func (k *Kubectl) Delete(ctx context.Context, namespace, kinds, selector string) error {
	return k.remove(ctx, namespace, kinds, "--selector="+selector)
}

// Remove is Delete for objects by their [Object.Ref]. Some may be gone already.
func (k *Kubectl) Remove(ctx context.Context, namespace string, refs ...string) error {
	return k.remove(ctx, namespace, refs...)
}

func (k *Kubectl) remove(ctx context.Context, namespace string, what ...string) error {
	cmd := slices.Concat([]string{"delete"}, what, []string{"--namespace=" + namespace, "--ignore-not-found", "--wait=true", "--timeout=" + gone.String()})
	err := k.runner.Run(ctx, k.unlimited(cmd...))
	switch {
	case err != nil && strings.Contains(said(err), "doesn't have a resource type"):
		return nil
	case err != nil && strings.Contains(said(err), "timed out waiting"):
		return k.kept(ctx, namespace, what)
	}
	return k.explain(ctx, err)
}

// kept is the error that objects which were deleted are still there; nil if they are gone by now.
func (k *Kubectl) kept(ctx context.Context, namespace string, what []string) error {
	left, err := k.List(ctx, namespace, what...)
	if err != nil {
		return err
	}
	var names []string
	var fix exit.Fix
	for _, o := range left {
		finalizers := safetext.List(o.Meta.Finalizers, 10, ", ")
		names = append(names, fmt.Sprintf("%s (finalizers: %s)", o.Ref(), cmp.Or(finalizers, "none")))
		switch {
		case len(names) > 1:
		case strings.HasSuffix(finalizers, "-protection"): // Kubernetes' own, until nothing uses it
			fix = exit.Fix{Type: "kubectl -n " + namespace + " describe " + o.Ref(), Note: "names what uses it: end that"}
		default:
			fix = exit.Fix{
				Type: "kubectl -n " + namespace + " patch " + o.Ref() + ` --type=merge --patch='{"metadata":{"finalizers":null}}'`,
				Note: "removes it at once, if what should handle the finalizer is not on the cluster",
			}
		}
	}
	if len(names) == 0 {
		return nil
	}
	return exit.Fixable(exit.Failed, fix, "still there after %s: %s", gone, safetext.List(names, 10, ", "))
}

// DeletePods tells these pods to end, and waits for none of them. What they are of makes others in their place.
func (k *Kubectl) DeletePods(ctx context.Context, namespace string, names []string) error {
	_, err := k.output(ctx, nil, append([]string{"delete", "pods", "--namespace=" + namespace, "--ignore-not-found", "--wait=false"}, names...)...)
	return err
}

// Stream runs kubectl with its output passed on, without a limit of time.
func (k *Kubectl) Stream(ctx context.Context, stdout, stderr io.Writer, args ...string) error {
	cmd := k.unlimited(args...)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	return k.explain(ctx, k.runner.Run(ctx, cmd))
}

// said is what kubectl wrote about an error, in one line.
func said(err error) string {
	var failed *run.Error
	if err == nil || !errors.As(err, &failed) || failed.Stderr == "" {
		return fmt.Sprint(err)
	}
	lines := strings.Split(strings.TrimSpace(failed.Stderr), "\n")
	for i, line := range lines { // after warnings and lines of a log
		if invalid.MatchString(line) {
			return strings.TrimSpace(line + causes(lines[i+1:]))
		}
		if text, is := strings.CutPrefix(line, "error: "); is {
			return text
		}
		if strings.HasPrefix(line, "Error from server") || strings.HasPrefix(line, "Unable to connect") || strings.HasPrefix(line, "The connection") {
			return line
		}
	}
	return cmp.Or(lines[len(lines)-1], failed.Error())
}

// invalid is the line in which kubectl says that the API server refuses an object. One cause is in it, several follow; what has changed may
// be shown after each.
var invalid = regexp.MustCompile(`\b[A-Z]\w+(\.[\w.]+)? "[^"]+" is invalid:`)

func causes(lines []string) string {
	var all []string
	for _, line := range lines {
		if cause, is := strings.CutPrefix(line, "* "); is {
			all = append(all, cause)
		}
	}
	return strings.Join(all, "; ")
}

// unreachable are parts of what kubectl says where no API server answers.
var unreachable = []string{
	"Unable to connect to the server", "was refused", "no such host", "i/o timeout", "deadline exceeded", "no route to host",
	"network is unreachable", "connection reset", "Client.Timeout",
}

// unknownKind is what kubectl says of an object whose definition is not installed.
var unknownKind = regexp.MustCompile(`no matches for kind "(\w+)" in version "([\w./]+)"`)

// explain turns an error of kubectl into one that says what to do.
func (k *Kubectl) explain(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return cmp.Or(err, ctx.Err())
	}
	text := said(err)
	for _, part := range unreachable {
		if strings.Contains(text, part) {
			return exit.Fixable(exit.Missing, exit.Fix{Type: "kubectl config use-context NAME", Note: "chooses another cluster, if this one is not meant"},
				"the cluster of context %q does not answer: %s", k.Context, text)
		}
	}
	if kind := unknownKind.FindStringSubmatch(text); kind != nil {
		return k.NoKind(kind[2], kind[1])
	}
	switch {
	case invalid.MatchString(text) && strings.Contains(text, "immutable after creation") && strings.Contains(text, "PersistentVolume"):
		return exit.Fixable(exit.Failed, exit.Fix{Type: "mage cluster-down -volumes", Note: "removes it with what the cluster keeps on it, the files of a share (nfs) excepted; the next cluster-up makes it again"},
			"storage that is there cannot be changed: %s", text)
	case strings.Contains(text, "Unauthorized") || strings.Contains(text, "must be logged in"):
		return exit.Fixable(exit.Missing, exit.Fix{Note: "log in to it again, or get a new kubeconfig from its administrator"},
			"the cluster of context %q does not accept your credentials: %s", k.Context, text)
	case strings.Contains(text, "(Forbidden)") && !strings.Contains(text, "violates PodSecurity"):
		return exit.Fixable(exit.Missing, exit.Fix{Note: "ask its administrator for this right"}, "the cluster of context %q refuses: %s", k.Context, text)
	}
	return exit.Errorf(exit.Failed, "%s", text)
}
