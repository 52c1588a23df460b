// Code generated from targets/ by "go generate ./internal/usage/manual"; DO NOT EDIT.

package main

import (
	"github.com/spf13/cobra"

	"github.com/im2-audio/im2/targets"
)

// groups are the commands below their headings.
func groups() []group {
	return []group{
		{"every day", []*cobra.Command{upCommand(), statusCommand(), buildCommand(), logsCommand(), restartCommand(), downCommand()}},
		{"data and model", []*cobra.Command{resetPermissionsCommand(), cleanCommand()}},
		{"checks and figures", []*cobra.Command{auditCommand(), verifyCommand()}},
		{"a new machine, a new service", []*cobra.Command{setupCommand(), doctorCommand(), envCommand(), newCommand()}},
	}
}

func upCommand() *cobra.Command {
	c := command("up", "builds and starts the services, then waits until every one is healthy.", `The data folders are created first, with the app user as owner.`)
	c.RunE = func(c *cobra.Command, _ []string) error {
		return targets.Up(c.Context())
	}
	return c
}

func statusCommand() *cobra.Command {
	c := command("status", "shows each service's state, health, UID:GID and image.", ``)
	json := flag[bool](c, "json", "print JSON")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return targets.Status(c.Context(), json())
	}
	return c
}

func buildCommand() *cobra.Command {
	c := command("build", "builds the images that are stale, all in one BuildKit run, and says why each is.", `Go services are compiled first.`)
	module := flag[string](c, "module", "only this one")
	force := flag[bool](c, "force", "also build what is up to date")
	pull := flag[bool](c, "pull", "pull the base images again first")
	jobs := flag[int](c, "jobs", "build at most this many at once (default: BuildKit decides)")
	dryRun := flag[bool](c, "dry-run", "say what is stale and why; build nothing")
	json := flag[bool](c, "json", "print JSON")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return targets.Build(c.Context(), module(), force(), pull(), jobs(), dryRun(), json())
	}
	return c
}

func logsCommand() *cobra.Command {
	c := command("logs", "prints the services' logs.", ``)
	service := flag[string](c, "service", "only this service's")
	follow := flag[bool](c, "follow", "print new lines until interrupted")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return targets.Logs(c.Context(), service(), follow())
	}
	return c
}

func restartCommand() *cobra.Command {
	c := command("restart", "restarts the services and waits until every one is healthy.", ``)
	service := flag[string](c, "service", "only this one")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return targets.Restart(c.Context(), service())
	}
	return c
}

func downCommand() *cobra.Command {
	c := command("down", "stops the services and removes their containers; data and images stay.", ``)
	c.RunE = func(c *cobra.Command, _ []string) error {
		return targets.Down(c.Context())
	}
	return c
}

func resetPermissionsCommand() *cobra.Command {
	c := command("reset-permissions", "gives the data folder the app user as owner, 755 and 644.", `It creates missing folders, follows no links, and does not write what is right already. What
you may not change is changed through the Docker engine, if you may use it.`)
	dryRun := flag[bool](c, "dry-run", "only count what would change")
	json := flag[bool](c, "json", "print the summary as JSON")
	path := flag[string](c, "path", "only this folder in the data folder")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return targets.ResetPermissions(c.Context(), dryRun(), json(), path())
	}
	return c
}

func cleanCommand() *cobra.Command {
	c := command("clean", "removes compiled services and built images, never data.", ``)
	tools := flag[bool](c, "tools", "also the tools that setup built (.im2/)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return targets.Clean(c.Context(), tools())
	}
	return c
}

func auditCommand() *cobra.Command {
	c := command("audit", "checks whether any service would run as root, before anything is built or started.", `It reads Dockerfiles, Compose files and settings as Compose does, and needs no engine. See
docs/audit.md of IM2.`)
	fix := flag[bool](c, "fix", "fix what has a safe fix; keep the old file as NAME.orig")
	diff := flag[bool](c, "diff", "only print what --fix would change")
	format := flag[string](c, "format", "text, json or sarif (default text)")
	only := flag[string](c, "only", "only these rules, such as D01,C02")
	threshold := flag[string](c, "threshold", "lowest severity with exit code 1: error, warning or note (default warning)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return targets.Audit(c.Context(), fix(), diff(), format(), only(), threshold())
	}
	return c
}

func verifyCommand() *cobra.Command {
	c := command("verify", "proves on the running containers that nothing runs as root and files get the right owner.", `It checks users, capabilities and isolation, lets every service create files in the data
folder for the next one, and tests its own checks on a container that runs as root. See
docs/verify.md of IM2.`)
	service := flag[string](c, "service", "only this service's containers")
	json := flag[bool](c, "json", "print JSON")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return targets.Verify(c.Context(), service(), json())
	}
	return c
}

func setupCommand() *cobra.Command {
	c := command("setup", "installs and starts what is missing: Docker, Compose, Buildx, a base image.", `On Debian and Ubuntu the engine comes from the distribution (as root or with
passwordless sudo); elsewhere it says what to install. Compose and Buildx are built into
.im2/ if the machine's are missing or too old; your Docker configuration does not change.
If your UID and GID differ from .env, it offers to write yours to .env.local.`)
	ids := flag[bool](c, "ids", "write your own IDs to .env.local (true) or not (false) without asking")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return targets.Setup(c.Context(), ids())
	}
	return c
}

func doctorCommand() *cobra.Command {
	c := command("doctor", "checks whether this machine can do what the project needs, and says how to fix the rest.", `It starts a container, builds an image, changes the owner of a file, and removes all of it
again. See docs/doctor.md of IM2.`)
	check := flag[string](c, "check", "only these checks, with commas, and those that they need")
	list := flag[bool](c, "list", "list the checks; run none")
	json := flag[bool](c, "json", "print JSON")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return targets.Doctor(c.Context(), check(), list(), json())
	}
	return c
}

func envCommand() *cobra.Command {
	c := command("env", "lists every setting: its value, who set it and where, and what it is for.", `Other variables are not shown.`)
	json := flag[bool](c, "json", "print JSON")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return targets.Env(c.Context(), json())
	}
	return c
}

func newCommand() *cobra.Command {
	c := command("new NAME", "creates a service from a Dockerfile template and adds it to the Compose file.", `The service has a small program and is healthy at once. Everything is created, or nothing.
Flags come after the name: im2 new loudness --dry-run. See docs/adding-a-service.md of IM2.`)
	user := flag[string](c, "user", "the name of the service's user (default appuser)")
	dryRun := flag[bool](c, "dry-run", "print what would be written, as a diff; write nothing")
	json := flag[bool](c, "json", "print JSON")
	c.RunE = func(c *cobra.Command, words []string) error {
		return targets.New(c.Context(), words[0], user(), dryRun(), json())
	}
	return c
}
