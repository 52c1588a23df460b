//go:build unix

package service

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/proof"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// hardened are the rights of a service in its container.
func hardened() (proof.Rights, error) {
	four := [4]int64{1000, 1000, 1000, 1000}
	return proof.Rights{UIDs: four, GIDs: four, Groups: []int64{1000}, NoNewPrivs: true, Seccomp: 2, ReadOnlyRoot: true}, nil
}

func TestAServiceThatProvesItselfLeavesThat(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	id, err := proof.MakeID(data, "", -1, -1)
	spooltest.Must(t, err)
	var left []proof.Left
	s := Service{Name: "idle", Poll: time.Second, Run: func(context.Context, *Env) (err error) {
		left, _, err = proof.List(data)
		return err
	}}
	env := map[string]string{proof.DataVariable: id, proof.ProjectVariable: "p", proof.NodeVariable: "n"}
	got := runIn(t.Context(), s, process{args: []string{"-data", data}, uid: 1000, rights: hardened, getenv: func(name string) string { return env[name] }})
	if got.code != 0 || len(left) != 1 || left[0].Err != nil {
		t.Fatalf("result = %+v, left = %+v", got, left)
	}
	host, _ := os.Hostname()
	if p := left[0].Proof; p.Service != "idle" || p.Host != host || p.Project != "p" || p.Node != "n" || p.Data != id || p.Rights.UIDs[0] != 1000 {
		t.Errorf("proof = %+v", p)
	}
	spooltest.WantNames(t, filepath.Join(data, proof.Folder))
}

func TestAServiceThatCannotProveItselfDoesNotRun(t *testing.T) {
	t.Parallel()
	const other = "AAAABBBBCCCCDDDD"
	data := t.TempDir()
	_, err := proof.MakeID(data, "", -1, -1)
	spooltest.Must(t, err)
	but := func(change func(*proof.Rights)) func() (proof.Rights, error) {
		return func() (proof.Rights, error) {
			r, err := hardened()
			change(&r)
			return r, err
		}
	}
	for _, c := range []struct {
		name, data, want string
		env              map[string]string
		rights           func() (proof.Rights, error)
	}{
		{"root", data, "runs as root", nil, but(func(r *proof.Rights) { r.UIDs[2] = 0 })},
		{"capability", data, "CapBnd 0000000000000020", nil, but(func(r *proof.Rights) { r.Bounding = 1 << 5 })},
		{"new privileges", data, "NoNewPrivs 0", nil, but(func(r *proof.Rights) { r.NoNewPrivs = false })},
		{"writable root", data, "not mounted read-only", nil, but(func(r *proof.Rights) { r.ReadOnlyRoot = false })},
		{"no answer", data, "asking the kernel", nil, func() (proof.Rights, error) { return proof.Rights{}, errors.New("no") }},
		{"another folder", data, "is not the data folder that is meant", map[string]string{proof.DataVariable: other}, hardened},
		{"an empty folder", t.TempDir(), "a share that is not mounted", map[string]string{proof.DataVariable: other}, hardened},
		{"a typo", data, `IM2_PROOF is "of"`, map[string]string{proof.Switch: "of"}, hardened},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			runs := 0
			got := runIn(t.Context(), idle(&runs), process{
				args: []string{"-data", c.data}, uid: 1000, rights: c.rights, getenv: func(name string) string { return c.env[name] },
			})
			if got.code != 2 || runs != 0 || !strings.HasPrefix(got.stderr, "idle: proving itself: ") || !strings.Contains(got.stderr, c.want) ||
				!strings.Contains(got.stderr, "; fix: ") || strings.Count(got.stderr, "\n") != 1 {
				t.Errorf("result = %+v, %d runs; want exit code 2, none, and %q in one line", got, runs, c.want)
			}
			if _, err := os.Stat(filepath.Join(c.data, proof.Folder)); err == nil {
				t.Error("it left a proof")
			}
		})
	}
	runs := 0
	if got := run(t.Context(), idle(&runs), "-data", data); got.code != 0 || runs != 1 || !strings.Contains(got.stderr, "IM2_PROOF=off") {
		t.Errorf("with IM2_PROOF=off: %+v, %d runs", got, runs)
	}
}
