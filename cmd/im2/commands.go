// Code generated from targets/ by "go generate ./internal/usage/manual"; DO NOT EDIT.

package main

import "github.com/im2-audio/im2/targets"

// groups are the commands below their headings.
var groups = []group{
	{"every day", []target{
		{targets.Up, "up", "builds and starts the services, then waits until every one is healthy.", `The data folders are created first, with the app user as owner.`, [][2]string{
			{"replicas", "containers of services, as SERVICE=NUMBER,...; remembered (auto: as the Compose file says)"},
			{"wait", "wait at most this long for another command on the project (default: until it is done)"},
		}},
		{targets.Status, "status", "shows each service's state, health, UID:GID and image.", ``, [][2]string{
			{"json", "print JSON"},
		}},
		{targets.Build, "build", "builds the images that are stale, all in one BuildKit run, and says why each is.", `Go services are compiled first.`, [][2]string{
			{"module", "only this one"},
			{"force", "also build what is up to date"},
			{"pull", "pull the base images again first"},
			{"push", "build for every platform in build.platforms, and push"},
			{"jobs", "build at most this many at once (default: BuildKit decides)"},
			{"dry-run", "only say what is stale, and why"},
			{"json", "print JSON"},
			{"wait", "wait at most this long for another command on the project (default: until it is done)"},
		}},
		{targets.Logs, "logs", "prints the services' logs.", ``, [][2]string{
			{"service", "only this service's"},
			{"follow", "print new lines until interrupted"},
		}},
		{targets.Restart, "restart", "restarts the services and waits until every one is healthy.", ``, [][2]string{
			{"service", "only this one"},
			{"wait", "wait at most this long for another command on the project (default: until it is done)"},
		}},
		{targets.Down, "down", "stops the services and removes their containers; data and images stay.", ``, [][2]string{
			{"wait", "wait at most this long for another command on the project (default: until it is done)"},
		}},
	}},
	{"data and model", []target{
		{targets.ResetPermissions, "reset-permissions", "gives the data folders the app user as owner, 755 and 644.", `It creates missing folders, follows no links, and resets the volumes that x-im2 names. What you may not change is changed through
the Docker engine.`, [][2]string{
			{"dry-run", "only count what would change"},
			{"json", "print the summary as JSON"},
			{"path", "only this folder in the data folder"},
		}},
		{targets.Clean, "clean", "removes compiled services and built images, also those that builds have replaced, never data.", ``, [][2]string{
			{"tools", "also .im2/ and our part of the user's cache: tools, downloaded weights, digests"},
			{"dry-run", "only say what would be removed"},
			{"json", "print JSON"},
			{"wait", "wait at most this long for another command on the project (default: until it is done)"},
		}},
	}},
	{"checks and figures", []target{
		{targets.Audit, "audit", "checks whether any service would run as root, before anything is built or started.", `It reads Dockerfiles, Compose files and settings as Compose does, and needs no engine. See
docs/audit.md of IM2.`, [][2]string{
			{"fix", "fix what has a safe fix, build it, put back what no longer builds; keep the old file as NAME.orig"},
			{"try", "with --fix: also start what was fixed, and put back what no longer starts"},
			{"diff", "only print what --fix would change"},
			{"format", "text, json, sarif, github or html (default text)"},
			{"json", "the same as --format=json"},
			{"baseline", "file with an earlier report as JSON: only what is new counts"},
			{"only", "only these rules, such as D01,C02"},
			{"threshold", "lowest severity with exit code 1: error, warning or note (default warning)"},
		}},
		{targets.Verify, "verify", "proves on the running containers that nothing runs as root and files get the right owner.", `It checks users, capabilities, isolation, and the files that each service creates for the
next one. See docs/verify.md of IM2.`, [][2]string{
			{"service", "only this service's containers"},
			{"json", "print JSON"},
			{"wait", "wait at most this long for another command on the project (default: until it is done)"},
		}},
	}},
	{"a new machine, a new service", []target{
		{targets.Setup, "setup", "installs and starts what is missing: Docker, Compose, Buildx, a base image.", `On Debian and Ubuntu the engine comes from the distribution (as root or with
passwordless sudo); elsewhere it says what to install. Compose and Buildx are built into
.im2/ if the machine's are missing or too old.
If your UID and GID differ from .env, it offers to write yours to .env.local.`, [][2]string{
			{"ids", "write your own IDs to .env.local (true) or not (false) without asking"},
		}},
		{targets.Doctor, "doctor", "checks whether this machine can do what the project needs, and says how to fix the rest.", `It starts a container, builds an image, changes the owner of a file, and removes all of it
again. See docs/doctor.md of IM2.`, [][2]string{
			{"check", "only these checks, with commas, and those that they need"},
			{"list", "list the checks; run none"},
			{"json", "print JSON"},
		}},
		{targets.Env, "env", "lists every setting: its value, who set it and where, and what it is for.", `Other variables are not shown.`, [][2]string{
			{"json", "print JSON"},
		}},
		{targets.New, "new NAME", "creates a service from a Dockerfile template and adds it to the Compose file.", `The service has a small program and is healthy at once. Everything is created, or nothing.
See docs/adding-a-service.md of IM2.`, [][2]string{
			{"user", "the name of the service's user (default appuser)"},
			{"dry-run", "only print what would be written, as a diff"},
			{"json", "print JSON"},
			{"wait", "wait at most this long for another command on the project (default: until it is done)"},
		}},
	}},
}
