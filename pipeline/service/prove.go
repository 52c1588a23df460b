package service

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/im2-audio/im2/pipeline/proof"
)

// prove refuses a process with more rights than a service needs, and a data folder that is not the one that is meant. Else it
// returns what leaves the proof of that in the data folder.
func (s Service) prove(p process, env *Env) (leave func(context.Context) (stop func()), err error) {
	switch value := p.getenv(proof.Switch); value {
	case proof.Off:
		env.Log.Warn("neither rights nor data folder were checked", proof.Switch, value)
		return func(context.Context) func() { return func() {} }, nil
	case "":
	default:
		return nil, fmt.Errorf("%s is %q; fix: remove it, or set it to %q to run %s by hand outside of a container", proof.Switch, value, proof.Off, s.Name)
	}
	engine := proof.Engine(p.getenv)
	rights, err := p.rights()
	if err != nil {
		return nil, fmt.Errorf("asking the kernel which rights it has: %w; fix: %s=%s runs it unchecked", err, proof.Switch, proof.Off)
	}
	if err := rights.Check(engine); err != nil {
		return nil, fmt.Errorf("container %q: %w (%s=%s runs it by hand, unchecked)", env.Worker, err, proof.Switch, proof.Off)
	}
	id, err := proof.CheckID(env.Data, p.getenv(proof.DataVariable), engine)
	if err != nil {
		return nil, err
	}
	one := proof.New(s.Name, version(), env.Worker, id, rights, p.getenv)
	return func(ctx context.Context) func() { return one.Keep(ctx, env.Data) }, nil
}

// version is the version of this program; empty where the build does not say.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	return info.Main.Version
}
