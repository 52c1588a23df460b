// Code generated from targets/ by "go generate ./internal/usage/manual"; DO NOT EDIT.

// Other projects write "mage:import" instead. There Mage asks the Go command twice for all that the
// targets import, each time that it starts, which here would make "mage -l" many times slower.

//go:build mage

package main

import (
	"context"

	"github.com/im2-audio/im2/targets"
)

// Audit judges whether any service would run as root, before anything is built or started.
// It reads the Dockerfiles, the Compose file and the settings as Compose would; no engine is
// needed. Exit code 1 for findings at or above the threshold, 2 when the project cannot be
// read. docs/audit.md of IM2 has the rules.
func Audit(ctx context.Context,
	fix *bool, // repair what has a safe fix; what was there is kept as NAME.orig
	diff *bool, // only print what -fix would change
	format *string, // text, json or sarif (default text)
	only *string, // only these rules, such as D01,C02
	threshold *string, // what fails: error, warning or note (default warning)
) error {
	return targets.Audit(ctx, fix, diff, format, only, threshold)
}

// Build builds the images that are stale, all in one BuildKit run, and says why each is.
// Go services are compiled first. Every build gets the IDs and the base image that are in force.
func Build(ctx context.Context,
	module *string, // build only this one
	force *bool, // build what is up to date, too
	pull *bool, // fetch the base images anew first
	jobs *int, // build at most this many at once (default: BuildKit decides)
	dryRun *bool, // say what is stale and why; build nothing
	json *bool, // print JSON
) error {
	return targets.Build(ctx, module, force, pull, jobs, dryRun, json)
}

// Clean removes compiled services and built images, never data.
func Clean(ctx context.Context,
	tools *bool, // also the tools that setup built (.im2/)
) error {
	return targets.Clean(ctx, tools)
}

// Doctor tries whether this machine can do what the project needs, and says what mends the rest.
// It starts a container, builds an image, has a file change hands, and removes all of it
// again. What hangs ends as a failure. Exit code 1 when a check fails; docs/doctor.md
// of IM2 explains each.
func Doctor(ctx context.Context,
	check *string, // only this check, with those that it needs; several with commas between them
	list *bool, // name the checks and do none
	json *bool, // print JSON
) error {
	return targets.Doctor(ctx, check, list, json)
}

// Env lists every setting: its value, who set it and where, and what it is for.
// Of other variables nothing is shown. Exit code 2 when one cannot be used; the rest is
// listed all the same.
func Env(ctx context.Context,
	json *bool, // print JSON
) error {
	return targets.Env(ctx, json)
}

// New makes a service from a Dockerfile template and adds it to the Compose file.
// Its folder gets a small program that is healthy at once; of the Compose file nothing else
// changes. All of it is made, or nothing. The flags come behind the name:
// mage new loudness -dryRun. docs/adding-a-service.md of IM2 tells more.
func New(ctx context.Context, name string,
	user *string, // the name of the user it runs as (default appuser)
	dryRun *bool, // print what would be written, as a diff; write nothing
	json *bool, // print JSON
) error {
	return targets.New(ctx, name, user, dryRun, json)
}

// ResetPermissions (reset-permissions) gives the data folder the app user as owner, 755 and 644.
// Missing folders are made first. No link is followed; what is right already is not
// written. What this user may not change is changed through the Docker engine, where the
// user may use that. Exit code 1 when something could not be set.
func ResetPermissions(ctx context.Context,
	dryRun *bool, // only count what would change
	json *bool, // print the summary as JSON
	path *string, // only this folder in the data folder
) error {
	return targets.ResetPermissions(ctx, dryRun, json, path)
}

// Setup installs and starts what is missing: Docker, Compose, Buildx, a base image.
// On Debian and Ubuntu the engine comes from the distribution (as root or with
// passwordless sudo); elsewhere it says what to install. Compose and Buildx are built
// into .im2/ when the machine's are missing or too old; the user's own Docker
// configuration is never changed. Where your UID and GID differ from .env, it offers to
// write yours to .env.local. A second run changes nothing.
func Setup(ctx context.Context,
	ids *bool, // write your own IDs to .env.local (true) or not (false) without asking
) error {
	return targets.Setup(ctx, ids)
}

// Down stops the services and removes their containers; data and images stay.
func Down(ctx context.Context) error {
	return targets.Down(ctx)
}

// Logs prints the services' logs.
func Logs(ctx context.Context,
	service *string, // only this one's
	follow *bool, // go on until interrupted
) error {
	return targets.Logs(ctx, service, follow)
}

// Restart restarts the services and waits until every one is healthy.
func Restart(ctx context.Context,
	service *string, // only this one
) error {
	return targets.Restart(ctx, service)
}

// Verify proves on the running containers that nobody is root and that files come out right.
// It looks at users, capabilities and isolation, has every service leave a canary in the data
// folder for the next one, and puts a container of root before the same checks, which must
// find it out. Exit code 1 when anything fails; docs/verify.md of IM2 explains each
// check.
func Verify(ctx context.Context,
	service *string, // only this one's containers
	json *bool, // print JSON
) error {
	return targets.Verify(ctx, service, json)
}
