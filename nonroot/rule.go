package nonroot

// Rule is one thing that the audit looks for.
type Rule struct {
	// ID is the rule's name in findings, -only and suppressions: D for Dockerfiles, C for
	// Compose files, E for settings, R for ignore files, S for suppressions.
	ID string
	// Title says what is found.
	Title string
	// Own is its severity in a project with an x-im2 section, Elsewhere in any other one.
	Own, Elsewhere Severity
	// Varies says when a finding is milder or graver than that; "" for never.
	Varies string
	// Why is one sentence, Source where it is from.
	Why, Source string
	// Fix says what Mend does; "" where only a person can.
	Fix string
	// Wrong has the finding and Right has not. In which file they stand follows from ID.
	Wrong, Right string
	// Blocks says that a project with such an error must not be started.
	Blocks bool
}

// Rules returns all rules in the order of their IDs.
func Rules() []Rule {
	rules := dockerfileRules()
	rules = append(rules, runRules()...)
	rules = append(rules, composeRules()...)
	return append(rules, otherRules()...)
}

func dockerfileRules() []Rule {
	return []Rule{
		{
			ID: "D00", Title: "the Dockerfile cannot be judged", Own: Error, Elsewhere: Error,
			Varies: "a warning where the file is not here, or where the build stops at something that must be set; with another frontend (# syntax=) BuildKit may know better",
			Why:    "BuildKit would refuse it, or it is not here, so nothing is known of what it builds.",
			Source: "BuildKit's own parser, which the audit reads Dockerfiles with",
			Wrong:  "FROM debian:trixie-slim\nUSR 1000:1000\n",
			Right:  "FROM debian:trixie-slim\nUSER 1000:1000\n",
		},
		{
			ID: "D01", Title: "the image starts as root", Own: Error, Elsewhere: Error, Blocks: true,
			Why:    "A process that breaks out of its container has the UID it had inside, and 0 is root on the host.",
			Source: "CIS Docker Benchmark 4.1; OWASP Docker Security Cheat Sheet, rule 2",
			Fix:    "adds the build arguments, the user (without tools where the base has none) and a numeric USER",
			Wrong:  "FROM debian:trixie-slim\nUSER 0\n",
			Right:  "FROM debian:trixie-slim\nUSER 1000:1000\n",
		},
		{
			ID: "D02", Title: "USER has a variable that can be empty", Own: Warning, Elsewhere: Note, Blocks: true,
			Varies: "an error where it is empty now",
			Why:    "An empty USER, and even \":\", is root to Docker, and no build warns of it.",
			Source: "docs.docker.com, Dockerfile reference, USER; github.com/moby/sys/user, GetExecUser",
			Fix:    "writes ${NAME:?NAME is empty}, and gives NAME an ARG with a default where it has none",
			Wrong:  "FROM debian:trixie-slim\nARG USER_ID\nUSER ${USER_ID}:${GROUP_ID:-1000}\n",
			Right:  "FROM debian:trixie-slim\nARG USER_ID=1000\nUSER ${USER_ID:?USER_ID is empty}:${GROUP_ID:-1000}\n",
		},
		{
			ID: "D03", Title: "USER leaves the group to chance", Own: Warning, Elsewhere: Note,
			Why:    "A number that is not in the image's passwd file gets group 0, root's, and may write what that group may.",
			Source: "docs.docker.com, Dockerfile reference, USER: \"the image runs with the root group\"",
			Fix:    "adds the group: ${GROUP_ID:?} beside a USER_ID, otherwise the same number",
			Wrong:  "FROM debian:trixie-slim\nUSER 4242\n",
			Right:  "FROM debian:trixie-slim\nUSER 4242:4242\n",
		},
		{
			ID: "D04", Title: "USER is a name", Own: Warning, Elsewhere: Off,
			Why:    "A name means what the image's passwd file says, which a base image may change, and Kubernetes' runAsNonRoot refuses it.",
			Source: "kubernetes.io, Configure a Security Context; hadolint DL3066",
			Fix:    "writes the numeric USER of the template where the stage has both build arguments",
			Wrong:  "FROM debian:trixie-slim\nRUN useradd --uid 1000 app\nUSER app\n",
			Right:  "FROM debian:trixie-slim\nUSER 1000:1000\n",
		},
		{
			ID: "D05", Title: "the image's user is not the app user", Own: Error, Elsewhere: Off,
			Varies: "a warning where the IDs agree today but do not follow the build arguments; only for services that mount the data folder",
			Why:    "What it writes to the data folder would belong to somebody else, and the next service could not move it on.",
			Source: "README.md, \"Nobody is root\"; docker/compose#4725",
			Fix:    "writes the numeric USER of the template where the stage has both build arguments",
			Wrong:  "FROM debian:trixie-slim\nUSER 4711:4711\n",
			Right:  "FROM debian:trixie-slim\nARG USER_ID=1000\nARG GROUP_ID=1000\nUSER ${USER_ID:?USER_ID is empty}:${GROUP_ID:?GROUP_ID is empty}\n",
		},
		{
			ID: "D18", Title: "whom the image runs as is not known", Own: Note, Elsewhere: Note,
			Why:    "It has no USER, and its base image is neither here nor one whose user is documented; the audit does not guess.",
			Source: "docs.docker.com, Dockerfile reference, USER: without one, the base image's counts",
			Wrong:  "FROM example/unknown:1\n",
			Right:  "FROM example/unknown:1\nUSER 1000:1000\n",
		},
	}
}

func runRules() []Rule { //nolint:funlen // a table of rules
	return []Rule{
		{
			ID: "D06", Title: "creating the group or user fails where the ID is taken", Own: Warning, Elsewhere: Note,
			Why:    "Debian has group 20 (macOS users' own), many images have user 1000, and groupadd then stops the build.",
			Source: "groupadd(8), useradd(8), --non-unique; osrf/docker_images#795, adidas/lakehouse-engine#16",
			Fix:    "adds --non-unique",
			Wrong:  "FROM debian:trixie-slim\nARG GROUP_ID=1000\nRUN groupadd --gid \"${GROUP_ID}\" app\nUSER 1000:1000\n",
			Right:  "FROM debian:trixie-slim\nARG GROUP_ID=1000\nRUN groupadd --non-unique --gid \"${GROUP_ID}\" app\nUSER 1000:1000\n",
		},
		{
			ID: "D07", Title: "useradd with a UID that may be large", Own: Warning, Elsewhere: Note,
			Why:    "lastlog and faillog are indexed by UID, so a directory service's UID makes a layer of hundreds of gigabytes.",
			Source: "moby/moby#5419; hadolint DL3046; useradd(8), --no-log-init",
			Fix:    "adds --no-log-init",
			Wrong:  "FROM debian:trixie-slim\nARG USER_ID=1000\nRUN useradd --non-unique --uid \"${USER_ID}\" app\nUSER 1000:1000\n",
			Right:  "FROM debian:trixie-slim\nARG USER_ID=1000\nRUN useradd --non-unique --no-log-init --uid \"${USER_ID}\" app\nUSER 1000:1000\n",
		},
		{
			ID: "D08", Title: "another ID is taken in silence", Own: Warning, Elsewhere: Note,
			Why:    "When creating the user fails and \"||\" goes on, the image has another UID than was asked for.",
			Source: "devcontainers/cli#494, microsoft/vscode-remote-release#7284",
			Wrong:  "FROM debian:trixie-slim\nRUN useradd --uid 1000 app || true\nUSER 1000:1000\n",
			Right:  "FROM debian:trixie-slim\nRUN useradd --uid 1000 app\nUSER 1000:1000\n",
		},
		{
			ID: "D09", Title: "HOME is not set", Own: Warning, Elsewhere: Off,
			Why:    "Docker looks HOME up by UID: for one that passwd does not know it is /, and caches cannot be written there.",
			Source: "docs.docker.com, docker run reference, environment variables; facebookresearch/demucs#543",
			Fix:    "adds ENV HOME with the home that useradd was given",
			Wrong:  "FROM debian:trixie-slim\nARG USER_ID=1000\nRUN useradd --non-unique --no-log-init --uid \"${USER_ID}\" --home-dir /home/app app\nUSER ${USER_ID:?}:1000\n",
			Right:  "FROM debian:trixie-slim\nARG USER_ID=1000\nRUN useradd --non-unique --no-log-init --uid \"${USER_ID}\" --home-dir /home/app app\nENV HOME=/home/app\nUSER ${USER_ID:?}:1000\n",
		},
		{
			ID: "D10", Title: "a way back to root is installed", Own: Warning, Elsewhere: Note,
			Why:    "sudo, a set-user-ID bit, file capabilities and fixuid let the process become what USER keeps it from being.",
			Source: "CIS Docker Benchmark 4.8; hadolint DL3004; fixuid's README: \"should only be used in development\"",
			Wrong:  "FROM debian:trixie-slim\nRUN chmod u+s /usr/bin/find\nUSER 1000:1000\n",
			Right:  "FROM debian:trixie-slim\nRUN chmod 0755 /usr/bin/find\nUSER 1000:1000\n",
		},
		{
			ID: "D11", Title: "the image starts as root and drops it itself", Own: Error, Elsewhere: Warning, Blocks: true,
			Why:    "Until gosu, su-exec or s6 has run everything is root's, a docker exec is root's for ever, and without capabilities they fail.",
			Source: "docs.docker.com, best practices, USER; UNITRONIX/BetterDesk#153, askalf/dario#262",
			Wrong:  "FROM debian:trixie-slim\nENTRYPOINT [\"gosu\", \"app\", \"/service\"]\n",
			Right:  "FROM debian:trixie-slim\nUSER 1000:1000\nENTRYPOINT [\"/service\"]\n",
		},
		{
			ID: "D12", Title: "files are made writable for everybody", Own: Warning, Elsewhere: Note,
			Why:    "Mode 777 hides that a folder has the wrong owner, and lets any process change the program itself.",
			Source: "CIS Docker Benchmark 5.x on file modes; chmod(1)",
			Wrong:  "FROM debian:trixie-slim\nRUN mkdir /data && chmod -R 777 /data\nUSER 1000:1000\n",
			Right:  "FROM debian:trixie-slim\nRUN install -d -o 1000 -g 1000 /data\nUSER 1000:1000\n",
		},
		{
			ID: "D13", Title: "the base image has no tag", Own: Note, Elsewhere: Note,
			Why:    "What \"latest\" is, and whom it runs as, changes without anything here changing.",
			Source: "docs.docker.com, best practices, pin base image versions; hadolint DL3006, DL3007",
			Wrong:  "FROM debian\nUSER 1000:1000\n",
			Right:  "FROM debian:trixie-slim\nUSER 1000:1000\n",
		},
	}
}
