// Package targets has Mage targets for any Compose project: build it, start it, prove that nothing in
// it runs as root, and keep the owners of its data folder right. A magefile imports them:
//
//	//go:build mage
//
//	package main
//
//	import (
//		// mage:import
//		_ "github.com/im2-audio/im2/targets"
//	)
//
// "// mage:import im2" puts a name in front of each: mage im2:build. docs/import.md tells more.
//
// Each target works on the project in the working folder. It ends the process with these codes: 1
// the work failed or a check found something, 2 wrong use or settings that cannot be used (nothing
// was changed), 3 something outside is missing, 130 interrupted.
package targets

import (
	"context"
	"embed"
	"os"
	"time"

	"github.com/im2-audio/im2/internal/cli"
	"github.com/im2-audio/im2/internal/scaffold"
)

// Up builds and starts the services, then waits until every one is healthy.
// The data folders are created first, with the app user as owner.
func Up(ctx context.Context,
	replicas *string, // containers of services, as SERVICE=NUMBER,...; remembered (auto: as the Compose file says)
	web *string, // on or off: whether the project's pages are started, too; remembered
	wait *time.Duration, // wait at most this long for another command on the project (default: until it is done)
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error {
		return t.Up(ctx, value(replicas), cli.Pages{Web: value(web)}, wait)
	})
}

// Open opens the project's pages in a browser, and prints their address.
// They are those of the service that x-im2 names as web, and have to run.
func Open(ctx context.Context) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error { return t.Open(ctx) })
}

// Down stops the services and removes their containers; data and images stay.
func Down(ctx context.Context,
	wait *time.Duration, // wait at most this long for another command on the project (default: until it is done)
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error { return t.Down(ctx, wait) })
}

// Status shows each service's state, health, UID:GID and image.
func Status(ctx context.Context,
	json *bool, // print JSON
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error { return t.Status(ctx, value(json)) })
}

// Logs prints the services' logs.
func Logs(ctx context.Context,
	service *string, // only these services', with commas
	follow *bool, // print new lines until interrupted
	tail *int, // only the last lines of each container (with -follow 100)
	since *string, // only what is newer: 10m, or a time such as 2026-11-28T09:30:00Z
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error {
		return t.Logs(ctx, cli.Logs{Services: value(service), Follow: value(follow), Tail: tail, Since: value(since)})
	})
}

// Restart restarts the services and waits until every one is healthy.
func Restart(ctx context.Context,
	service *string, // only these, with commas
	wait *time.Duration, // wait at most this long for another command on the project (default: until it is done)
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error { return t.Restart(ctx, value(service), wait) })
}

// Build builds the images that are stale, all in one BuildKit run, and says why each is.
// Go services are compiled first.
func Build(ctx context.Context,
	module *string, // only this one
	force *bool, // also build what is up to date
	pull *bool, // pull the base images again first
	push *bool, // build for every platform in build.platforms, and push
	jobs *int, // build at most this many at once (default: BuildKit decides)
	dryRun *bool, // only say what is stale, and why
	json *bool, // print JSON
	wait *time.Duration, // wait at most this long for another command on the project (default: until it is done)
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error {
		return t.Build(ctx, cli.Build{
			Module: value(module), Force: value(force), Pull: value(pull), Push: value(push), Jobs: value(jobs),
			DryRun: value(dryRun), JSON: value(json), Wait: wait,
		})
	})
}

// Clean removes compiled services and built images, also those that builds have replaced, never data.
func Clean(ctx context.Context,
	tools *bool, // also .im2/ and our part of the user's cache: tools, downloaded weights, digests
	dryRun *bool, // only say what would be removed
	json *bool, // print JSON
	wait *time.Duration, // wait at most this long for another command on the project (default: until it is done)
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error {
		return t.Clean(ctx, cli.Clean{Tools: value(tools), DryRun: value(dryRun), JSON: value(json), Wait: wait})
	})
}

// ResetPermissions gives the data folders the app user as owner, 755 and 644.
// It creates missing folders, follows no links, and resets the volumes that x-im2 names. What you may not change is changed through
// the Docker engine.
func ResetPermissions(ctx context.Context,
	dryRun *bool, // only count what would change
	json *bool, // print the summary as JSON
	path *string, // only this folder in the data folder
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error {
		return t.ResetPermissions(ctx, cli.Reset{DryRun: value(dryRun), JSON: value(json), Path: value(path)})
	})
}

// Audit checks whether any service would run as root, before anything is built or started.
// It reads Dockerfiles, Compose files and settings as Compose does, and needs no engine. See
// docs/audit.md of IM2.
func Audit(ctx context.Context,
	fix *bool, // fix what has a safe fix, build it, put back what no longer builds; keep the old file as NAME.orig
	try *bool, // with -fix: also start what was fixed, and put back what no longer starts
	diff *bool, // only print what -fix would change
	format *string, // text, json, sarif, github or html (default text)
	json *bool, // the same as -format=json
	baseline *string, // file with an earlier report as JSON: only what is new counts
	only *string, // only these rules, such as D01,C02
	threshold *string, // lowest severity with exit code 1: error, warning or note (default warning)
	k8s *string, // also check the manifests for Kubernetes in this folder
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error {
		return t.Audit(ctx, cli.Audit{
			Fix: value(fix), Try: value(try), Diff: value(diff), Format: or(format, "text"), JSON: value(json), Baseline: value(baseline), Only: value(only),
			Threshold: or(threshold, "warning"), Manifests: value(k8s),
		})
	})
}

// Verify proves on the running containers that nothing runs as root and files get the right owner.
// It checks users, capabilities, isolation, and the files that each service creates for the
// next one. See docs/verify.md of IM2.
func Verify(ctx context.Context,
	service *string, // only this service's containers
	proofs *bool, // only what services say of themselves in the data folder, on all machines; needs no engine
	format *string, // text, json or html (default text)
	json *bool, // the same as -format=json
	wait *time.Duration, // wait at most this long for another command on the project (default: until it is done)
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error {
		return t.Verify(ctx, cli.Verify{Service: value(service), Proofs: value(proofs), Format: or(format, "text"), JSON: value(json), Wait: wait})
	})
}

// ClusterUp builds and pushes the images, starts the services on a Kubernetes cluster, and waits until every one is healthy.
// The cluster is that of kubectl's context. The data folder must be the share that the cluster's claim is on. See docs/cluster.md of
// IM2.
func ClusterUp(ctx context.Context,
	autoscale *string, // scale the demucs workers by the songs that need one, up to their replicas: keda or hpa
	replicas *string, // pods of services, as SERVICE=NUMBER,... (default: what "mage up" has remembered, then the Compose file)
	wait *time.Duration, // wait at most this long for another command on the project (default: until it is done)
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error {
		return t.ClusterUp(ctx, cli.ClusterUp{Autoscale: value(autoscale), Replicas: value(replicas), Wait: wait})
	})
}

// ClusterStatus shows the pods of each service on the cluster: node, UID:GID and state.
func ClusterStatus(ctx context.Context,
	json *bool, // print JSON, with the proofs that services left in the data folder
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error { return t.ClusterStatus(ctx, value(json)) })
}

// ClusterLogs prints the logs of the services' pods on the cluster.
func ClusterLogs(ctx context.Context,
	service *string, // only these services', with commas
	follow *bool, // print new lines until interrupted
	tail *int, // only the last lines of each pod (with -follow 100)
	since *string, // only what is newer: 10m, or a time such as 2026-11-28T09:30:00Z
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error {
		return t.ClusterLogs(ctx, cli.Logs{Services: value(service), Follow: value(follow), Tail: tail, Since: value(since)})
	})
}

// ClusterDown removes the services from the cluster; the namespace, the claims and the data stay.
func ClusterDown(ctx context.Context,
	volumes *bool, // also remove the claims: the cluster may then remove what is on them
	wait *time.Duration, // wait at most this long for another command on the project (default: until it is done)
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error { return t.ClusterDown(ctx, value(volumes), wait) })
}

// ClusterRender prints the services as manifests for Kubernetes, hardened as they are under Compose.
// What cannot be as it is under Compose is a note, or is refused, with its place in the Compose file. See docs/cluster.md of IM2.
func ClusterRender(ctx context.Context,
	out *string, // write files into this folder
	json *bool, // print JSON
	autoscale *string, // scale the demucs workers by the songs that need one, up to their replicas: keda or hpa
	replicas *string, // pods of services, as SERVICE=NUMBER,... (default: what "mage up" has remembered, then the Compose file)
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error {
		return t.ClusterRender(ctx, cli.ClusterRender{Out: value(out), JSON: value(json), Autoscale: value(autoscale), Replicas: value(replicas)})
	})
}

// Setup installs and starts what is missing: Docker, Compose, Buildx, a base image.
// On Debian and Ubuntu the engine comes from the distribution (as root or with
// passwordless sudo); elsewhere it says what to install. Compose and Buildx are built into
// .im2/ if the machine's are missing or too old.
// If your UID and GID differ from .env, it offers to write yours to .env.local.
func Setup(ctx context.Context,
	ids *bool, // write your own IDs to .env.local (true) or not (false) without asking
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error { return t.Setup(ctx, ids) })
}

// Doctor checks whether this machine can do what the project needs, and says how to fix the rest.
// It starts a container, builds an image, changes the owner of a file, and removes all of it
// again. See docs/doctor.md of IM2.
func Doctor(ctx context.Context,
	check *string, // only these checks, with commas, and those that they need
	list *bool, // list the checks; run none
	bundle *bool, // write an archive for a bug report: checks, settings, logs, failed jobs; no secrets, no audio
	json *bool, // print JSON
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error {
		return t.Doctor(ctx, cli.Doctor{Check: value(check), List: value(list), Bundle: value(bundle), JSON: value(json)})
	})
}

// Env lists every setting: its value, who set it and where, and what it is for.
// Other variables are not shown.
func Env(ctx context.Context,
	json *bool, // print JSON
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error { return t.Env(ctx, value(json)) })
}

// New creates a service from a Dockerfile template and adds it to the Compose file.
// The service has a small program and is healthy at once. Everything is created, or nothing.
// See docs/adding-a-service.md of IM2.
func New(ctx context.Context, name string,
	user *string, // the name of the service's user (default appuser)
	dryRun *bool, // only print what would be written, as a diff
	json *bool, // print JSON
	wait *time.Duration, // wait at most this long for another command on the project (default: until it is done)
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error {
		return t.New(ctx, cli.New{
			Name: name, User: or(user, scaffold.DefaultUser), DryRun: value(dryRun), JSON: value(json), Wait: wait,
		})
	})
}

// Remove takes a service out of the Compose file, and removes its containers and its image.
// Its folder is removed if it is as "mage new" made it, and stays otherwise; so do volumes and data. A
// service that others need is refused.
func Remove(ctx context.Context, service string,
	dryRun *bool, // only print what would be done, and the change of the Compose file as a diff
	json *bool, // print JSON
	wait *time.Duration, // wait at most this long for another command on the project (default: until it is done)
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error {
		return t.Remove(ctx, cli.Remove{Service: service, DryRun: value(dryRun), JSON: value(json), Wait: wait})
	})
}

// sources are the files of this package: help is read from them.
//
//go:embed *.go
var sources embed.FS

// Help shows the targets of IM2; "mage help TARGET" explains one and its flags.
func Help(ctx context.Context) error {
	return cli.Run(ctx, func(_ context.Context, t cli.Target) error {
		explained, err := t.HelpImported(sources, os.Args[1:])
		if explained {
			os.Exit(0) //nolint:forbidigo // Mage would run the targets that were explained
		}
		return err
	})
}

// value returns what a flag was set to, or the zero value where it was not given.
func value[T any](flag *T) T {
	var zero T
	return or(flag, zero)
}

// or returns what a flag was set to, or its default.
func or[T any](flag *T, otherwise T) T {
	if flag == nil {
		return otherwise
	}
	return *flag
}
