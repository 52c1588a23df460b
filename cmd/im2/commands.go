// Code generated from targets/ by "go generate ./internal/usage/manual"; DO NOT EDIT.

package main

import "github.com/im2-audio/im2/targets"

// groups are the commands below their headings.
var groups = []group{
	{"every day", []target{
		{targets.Up, "up", "builds and starts the services, then waits until every one is healthy.", `The data folders are created first, with the app user as owner.`, [][2]string{
			{"replicas", "containers of services, as SERVICE=NUMBER,...; remembered (auto: as the Compose file says)"},
			{"web", "on or off: whether the project's pages are started, too; remembered"},
			{"wait", "wait at most this long for another command on the project (default: until it is done)"},
		}, [][2]string{
			{"im2 up --replicas=demucs=2", "two workers, for two songs at the same time, from now on"},
			{"im2 up --replicas=auto", "as many as memory and processors allow again"},
			{"im2 up --web=off", "without the pages for a browser, from now on"},
		}, [][2]string{
			{"1", "an image, the folders or the model could not be created; a service would run as root or did not become healthy"},
			{"2", "settings or a Compose file that cannot be used; fewer than one worker, or more than fit; something cannot be built"},
			{"3", "Docker is not installed, does not answer, refuses this user or is too old; no base image; no network for the model; not enough memory for a worker"},
		}},
		{targets.Open, "open", "opens the project's pages in a browser, and prints their address.", `They are those of the service that x-im2 names as web, and have to run.`, nil, [][2]string{
			{"im2 open", "where there is no desktop, only the address is printed"},
		}, [][2]string{
			{"1", "the pages do not answer, or are off"},
			{"2", "settings or a Compose file that cannot be used; the project has no pages"},
		}},
		{targets.Status, "status", "shows each service's state, health, UID:GID and image.", ``, [][2]string{
			{"json", "print JSON"},
		}, [][2]string{
			{"im2 status --json", "for programs"},
		}, [][2]string{
			{"1", "the work failed, or a check found something"},
			{"2", "settings or a Compose file that cannot be used"},
			{"3", "Docker is not installed, does not answer, refuses this user or is too old"},
		}},
		{targets.Build, "build [MODULE...]", "builds the images that are stale, all in one BuildKit run, and says why each is.", `Go services are compiled first.`, [][2]string{
			{"module", "only this one"},
			{"force", "also build what is up to date"},
			{"pull", "pull the base images again first"},
			{"push", "build for every platform in build.platforms, and push"},
			{"jobs", "build at most this many at once (default: BuildKit decides)"},
			{"dry-run", "only say what is stale, and why"},
			{"json", "print JSON"},
			{"wait", "wait at most this long for another command on the project (default: until it is done)"},
		}, [][2]string{
			{"im2 build --dry-run", "what is stale, and why"},
			{"im2 build --module=demucs --force", "one image, even if up to date"},
			{"im2 build --push", "push what has an \"image\""},
		}, [][2]string{
			{"1", "a build failed; the old images are kept"},
			{"2", "settings or a Compose file that cannot be used; something cannot be built, such as a missing Dockerfile; no such module or platform"},
			{"3", "Docker is not installed, does not answer, refuses this user or is too old; no base image; no builder for several platforms"},
		}},
		{targets.Logs, "logs [SERVICE...]", "prints the services' logs.", ``, [][2]string{
			{"service", "only these services', with commas"},
			{"follow", "print new lines until interrupted"},
			{"tail", "only the last lines of each container (with --follow 100)"},
			{"since", "only what is newer: 10m, or a time such as 2026-11-28T09:30:00Z"},
		}, [][2]string{
			{"im2 logs --service=demucs", "one service"},
			{"im2 logs --follow", "all, until Ctrl-C"},
			{"im2 logs --tail=20 --since=10m", "the last lines of the last ten minutes"},
		}, [][2]string{
			{"1", "the work failed, or a check found something"},
			{"2", "settings or a Compose file that cannot be used; no such service or time"},
			{"3", "Docker is not installed, does not answer, refuses this user or is too old"},
		}},
		{targets.Restart, "restart [SERVICE...]", "restarts the services and waits until every one is healthy.", ``, [][2]string{
			{"service", "only these, with commas"},
			{"wait", "wait at most this long for another command on the project (default: until it is done)"},
		}, [][2]string{
			{"im2 restart --service=organizer,watcher", "only these services"},
		}, [][2]string{
			{"1", "a service did not become healthy"},
			{"2", "settings or a Compose file that cannot be used"},
			{"3", "Docker is not installed, does not answer, refuses this user or is too old"},
		}},
		{targets.Down, "down", "stops the services and removes their containers; data and images stay.", ``, [][2]string{
			{"wait", "wait at most this long for another command on the project (default: until it is done)"},
		}, [][2]string{
			{"im2 down", "stop; `im2 up` continues"},
		}, [][2]string{
			{"1", "the work failed, or a check found something"},
			{"2", "settings or a Compose file that cannot be used"},
			{"3", "Docker is not installed, does not answer, refuses this user or is too old"},
		}},
	}},
	{"data and model", []target{
		{targets.ResetPermissions, "reset-permissions", "gives the data folders the app user as owner, 755 and 644.", `It creates missing folders, follows no links, and resets the volumes that x-im2 names. What you may not change is changed through
the Docker engine.`, [][2]string{
			{"dry-run", "only count what would change"},
			{"json", "print the summary as JSON"},
			{"path", "only this folder in the data folder"},
		}, [][2]string{
			{"im2 reset-permissions --dry-run", "only count"},
			{"im2 reset-permissions --path=output/song", "one folder in it"},
		}, [][2]string{
			{"1", "something was skipped or could not be set"},
			{"2", "settings or a Compose file that cannot be used; no data folder; \"--path\" leads out of the data folder"},
			{"3", "no engine, for a volume"},
		}},
		{targets.Clean, "clean", "removes compiled services and built images, also those that builds have replaced, never data.", ``, [][2]string{
			{"tools", "also .im2/ and our part of the user's cache: tools, downloaded weights, digests"},
			{"dry-run", "only say what would be removed"},
			{"json", "print JSON"},
			{"wait", "wait at most this long for another command on the project (default: until it is done)"},
		}, [][2]string{
			{"im2 clean --dry-run", "only say what would go"},
			{"im2 clean", "programs and images"},
		}, [][2]string{
			{"1", "an image is in use, or a file could not be removed"},
			{"2", "settings or a Compose file that cannot be used"},
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
			{"k8s", "also check the manifests for Kubernetes in this folder"},
		}, [][2]string{
			{"im2 audit --diff", "what `--fix` would change"},
			{"im2 audit --fix", "fix what has a safe fix"},
			{"im2 audit --format=sarif", "for code scanning"},
			{"im2 audit -k8s=manifests", "also what a cluster would refuse"},
			{"im2 audit --format=html > audit.html", "a page to send to somebody"},
			{"im2 audit --json > baseline.json", "what `--baseline=baseline.json` then leaves out"},
		}, [][2]string{
			{"1", "findings at or above the threshold; with \"--diff\", something to fix"},
			{"2", "the project or a manifest cannot be read; no such rule, format or severity"},
		}},
		{targets.Verify, "verify [SERVICE...]", "proves on the running containers that nothing runs as root and files get the right owner.", `It checks users, capabilities, isolation, and the files that each service creates for the
next one. See docs/verify.md of IM2.`, [][2]string{
			{"service", "only this service's containers"},
			{"proofs", "only what services say of themselves in the data folder, on all machines; needs no engine"},
			{"format", "text, json or html (default text)"},
			{"json", "the same as --format=json"},
			{"wait", "wait at most this long for another command on the project (default: until it is done)"},
		}, [][2]string{
			{"im2 verify --service=demucs --json", "one service, for programs"},
			{"im2 verify --format=html > verify.html", "a page to send to somebody"},
			{"im2 verify --proofs", "what services on all machines that share the data folder say of themselves"},
		}, [][2]string{
			{"1", "a check failed, or did not find the container that runs as root"},
			{"2", "settings or a Compose file that cannot be used; nothing runs"},
			{"3", "Docker is not installed, does not answer, refuses this user or is too old; an engine without Linux containers"},
		}},
	}},
	{"many machines", []target{
		{targets.ClusterUp, "cluster-up", "builds and pushes the images, starts the services on a Kubernetes cluster, and waits until every one is healthy.", `The cluster is that of kubectl's context. The data folder must be the share that the cluster's claim is on. See docs/cluster.md of
IM2.`, [][2]string{
			{"autoscale", "scale the demucs workers by the songs that need one, up to their replicas: keda or hpa"},
			{"replicas", "pods of services, as SERVICE=NUMBER,... (default: what \"im2 up\" has remembered, then the Compose file)"},
			{"wait", "wait at most this long for another command on the project (default: until it is done)"},
		}, [][2]string{
			{"im2 cluster-up", "as many pods as the Compose file says"},
			{"im2 cluster-up --replicas=demucs=2", "two workers"},
		}, [][2]string{
			{"1", "an image, the folders or the model could not be created; the cluster refuses a pod, or one did not become healthy"},
			{"2", "settings or a Compose file that cannot be used; no registry; something that Kubernetes' restricted profile refuses, or that means something else there"},
			{"3", "Docker is not installed, does not answer, refuses this user or is too old; no kubectl, or no context; the cluster does not answer, or refuses this user; the registry cannot be reached"},
		}},
		{targets.ClusterStatus, "cluster-status", "shows the pods of each service on the cluster: node, UID:GID and state.", ``, [][2]string{
			{"json", "print JSON, with the proofs that services left in the data folder"},
		}, [][2]string{
			{"im2 cluster-status --json", "for programs"},
		}, [][2]string{
			{"1", "the work failed, or a check found something"},
			{"2", "settings or a Compose file that cannot be used"},
			{"3", "no kubectl, or no context; the cluster does not answer, or refuses this user"},
		}},
		{targets.ClusterLogs, "cluster-logs [SERVICE...]", "prints the logs of the services' pods on the cluster.", ``, [][2]string{
			{"service", "only these services', with commas"},
			{"follow", "print new lines until interrupted"},
			{"tail", "only the last lines of each pod (with --follow 100)"},
			{"since", "only what is newer: 10m, or a time such as 2026-11-28T09:30:00Z"},
		}, [][2]string{
			{"im2 cluster-logs --service=demucs --tail=20 --since=10m", "the last lines of the last ten minutes"},
			{"im2 cluster-logs --follow", "all, until Ctrl-C"},
		}, [][2]string{
			{"1", "the work failed, or a check found something"},
			{"2", "settings or a Compose file that cannot be used; no such service or time"},
			{"3", "no kubectl, or no context; the cluster does not answer, or refuses this user"},
		}},
		{targets.ClusterDown, "cluster-down", "removes the services from the cluster; the namespace, the claims and the data stay.", ``, [][2]string{
			{"volumes", "also remove the claims: the cluster may then remove what is on them"},
			{"wait", "wait at most this long for another command on the project (default: until it is done)"},
		}, [][2]string{
			{"im2 cluster-down", "stop; `im2 cluster-up` continues"},
			{"im2 cluster-down --volumes", "also give the space back"},
		}, [][2]string{
			{"1", "the work failed, or a check found something"},
			{"2", "settings or a Compose file that cannot be used"},
			{"3", "no kubectl, or no context; the cluster does not answer, or refuses this user"},
		}},
		{targets.ClusterRender, "cluster-render", "prints the services as manifests for Kubernetes, hardened as they are under Compose.", `What cannot be as it is under Compose is a note, or is refused, with its place in the Compose file. See docs/cluster.md of IM2.`, [][2]string{
			{"out", "write files into this folder"},
			{"json", "print JSON"},
			{"autoscale", "scale the demucs workers by the songs that need one, up to their replicas: keda or hpa"},
			{"replicas", "pods of services, as SERVICE=NUMBER,... (default: what \"im2 up\" has remembered, then the Compose file)"},
		}, [][2]string{
			{"im2 cluster-render > im2.yaml", "for `kubectl apply -f im2.yaml`"},
			{"im2 cluster-render --out=manifests", "a file for each service, to keep under version control"},
			{"im2 cluster-render --autoscale=keda --replicas=8", "one to eight workers, as songs need them"},
		}, [][2]string{
			{"1", "a file could not be written"},
			{"2", "settings or a Compose file that cannot be used; something that Kubernetes' restricted profile refuses, or that means something else there"},
		}},
	}},
	{"a new machine, a new service", []target{
		{targets.Setup, "setup", "installs and starts what is missing: Docker, Compose, Buildx, a base image.", `On Debian and Ubuntu the engine comes from the distribution (as root or with
passwordless sudo); elsewhere it says what to install. Compose and Buildx are built into
.im2/ if the machine's are missing or too old.
If your UID and GID differ from .env, it offers to write yours to .env.local.`, [][2]string{
			{"ids", "write your own IDs to .env.local (true) or not (false) without asking"},
		}, [][2]string{
			{"im2 setup --ids=false", "ask nothing"},
		}, [][2]string{
			{"1", "a file could not be written"},
			{"2", "settings that cannot be read"},
			{"3", "Docker cannot be installed or started; the error says what to type"},
		}},
		{targets.Doctor, "doctor", "checks whether this machine can do what the project needs, and says how to fix the rest.", `It starts a container, builds an image, changes the owner of a file, and removes all of it
again. See docs/doctor.md of IM2.`, [][2]string{
			{"check", "only these checks, with commas, and those that they need"},
			{"list", "list the checks; run none"},
			{"bundle", "write an archive for a bug report: checks, settings, logs, failed jobs; no secrets, no audio"},
			{"json", "print JSON"},
		}, [][2]string{
			{"im2 doctor --check=mounts,trust", "only these, and those that they need"},
			{"im2 doctor --bundle", "an archive for a bug report, in this folder"},
		}, [][2]string{
			{"1", "the work failed, or a check found something"},
			{"2", "wrong use"},
		}},
		{targets.Env, "env", "lists every setting: its value, who set it and where, and what it is for.", `Other variables are not shown.`, [][2]string{
			{"json", "print JSON"},
		}, [][2]string{
			{"im2 env --json", "for programs"},
		}, [][2]string{
			{"2", "a setting cannot be used; the others are listed"},
		}},
		{targets.New, "new NAME", "creates a service from a Dockerfile template and adds it to the Compose file.", `The service has a small program and is healthy at once. Everything is created, or nothing.
See docs/adding-a-service.md of IM2.`, [][2]string{
			{"user", "the name of the service's user (default appuser)"},
			{"dry-run", "only print what would be written, as a diff"},
			{"json", "print JSON"},
			{"wait", "wait at most this long for another command on the project (default: until it is done)"},
		}, [][2]string{
			{"im2 new loudness --dry-run", "what would be written, as a diff"},
		}, [][2]string{
			{"1", "it could not be written; nothing was created"},
			{"2", "settings or a Compose file that cannot be used; the name cannot be used"},
		}},
		{targets.Remove, "remove SERVICE", "takes a service out of the Compose file, and removes its containers and its image.", `Its folder is removed if it is as "im2 new" made it, and stays otherwise; so do volumes and data. A
service that others need is refused.`, [][2]string{
			{"dry-run", "only print what would be done, and the change of the Compose file as a diff"},
			{"json", "print JSON"},
			{"wait", "wait at most this long for another command on the project (default: until it is done)"},
		}, [][2]string{
			{"im2 remove loudness --dry-run", "what would be removed, and the change of the Compose file"},
			{"im2 remove loudness", "the inverse of `im2 new loudness`"},
		}, [][2]string{
			{"1", "a container or a file could not be removed; nothing else was"},
			{"2", "settings or a Compose file that cannot be used; no such service, or others need it"},
		}},
	}},
}
