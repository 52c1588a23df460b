package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/policy"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/nonroot/verify"
	"github.com/im2-audio/im2/pipeline/proof"
)

// verifyProofs checks what services say of themselves in the data folder: for a machine that mounts it and runs none of them.
func (t Target) verifyProofs(ctx context.Context, o Verify) error {
	p, err := t.dataProject(ctx)
	if err != nil {
		return err
	}
	report, err := verify.Claims(p.Compose, verify.Options{Service: o.Service, Conventions: policy.Conventions(p), Proofs: proofsOf(p)})
	var none *verify.NotRunningError
	if errors.As(err, &none) {
		return exit.Errorf(exit.Unusable, "no service of %s has left a proof in %s: \"mage up\" starts them", p.Name(), p.Rel(filepath.Join(p.Data, proof.Folder)))
	}
	if err != nil {
		return verifyError(ctx, nil, p, err)
	}
	if o.Format == "text" {
		t.UI.Note("this is what services say of themselves: nothing else is checked")
	}
	return t.answer(p, report, o.Format)
}

// proofsOf reads the proofs that the services of the project leave; nil for a project whose services leave none.
func proofsOf(p *project.Project) func() (verify.Proofs, error) {
	if !p.ComparesID() {
		return nil
	}
	return func() (all verify.Proofs, err error) {
		for _, name := range p.Services() {
			if _, compares := p.Compose.Services[name].Environment[project.DataID]; compares {
				all.Services = append(all.Services, name)
			}
		}
		data, err := filepath.EvalSymlinks(p.Data)
		if err != nil {
			return all, err
		}
		if all.Data, err = proof.ReadID(data); err != nil {
			all.Unusable = append(all.Unusable, fmt.Sprintf("%s: %v", proof.IDFile, err))
		}
		left, more, err := proof.List(data)
		for _, one := range left {
			if one.Err != nil {
				all.Unusable = append(all.Unusable, fmt.Sprintf("%q: %v", one.File, one.Err))
				continue
			}
			all.Found = append(all.Found, said(one))
		}
		if more > 0 {
			all.Unusable = append(all.Unusable, fmt.Sprintf("%d more files were not read", more))
		}
		return all, err
	}
}

// said is what a proof says, in the words of package verify.
func said(left proof.Left) verify.Proof {
	r := left.Rights
	one := verify.Proof{
		Service: left.Service, Host: left.Host, Node: left.Node, Engine: left.Engine, Project: left.Project, Data: left.Data,
		UIDs: slices.Clone(r.UIDs[:]), GIDs: slices.Clone(r.GIDs[:]), Groups: r.Groups,
		Capabilities: map[string]uint64{
			"effective": uint64(r.Effective), "permitted": uint64(r.Permitted), "inheritable": uint64(r.Inheritable),
			"bounding": uint64(r.Bounding), "ambient": uint64(r.Ambient),
		},
		NoNewPrivs: r.NoNewPrivs, Seccomp: r.Seccomp, ReadOnlyRoot: r.ReadOnlyRoot, Unseen: left.Unseen,
	}
	for _, problem := range r.Problems() {
		one.Problems = append(one.Problems, problem.What)
	}
	return one
}
