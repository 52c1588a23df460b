package nonroot

// Rule is one thing that the audit looks for.
type Rule struct {
	// ID is the rule's name in findings, -only and suppressions: D for Dockerfiles, C for
	// Compose files, E for settings, R for ignore files, S for suppressions.
	ID string
	// Title says what is found.
	Title string
	// Own is its severity in a project with an x-im2 section, Elsewhere in any other one.
	Own, Elsewhere Level
	// Varies says when a finding has another severity, in sentences without the last full stop; "" for never.
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
			ID: "D00", Title: "the Dockerfile cannot be checked", Own: Error, Elsewhere: Error,
			Varies: "a warning if the file is missing, or the build stops because something is not set. With another frontend (# syntax=) BuildKit may accept it",
			Why:    "It is missing, or BuildKit would refuse it.",
			Source: "BuildKit's own parser",
			Wrong:  "FROM debian:trixie-slim\nUSR 1000:1000\n",
			Right:  "FROM debian:trixie-slim\nUSER 1000:1000\n",
		},
		{
			ID: "D01", Title: "the image starts as root", Own: Error, Elsewhere: Error, Blocks: true,
			Why:    "A process that leaves its container keeps its UID, and 0 is root on the host.",
			Source: "CIS Docker Benchmark 4.1; OWASP Docker Security Cheat Sheet, rule 2",
			Fix:    "adds the build arguments, the user and a numeric USER",
			Wrong:  "FROM debian:trixie-slim\nUSER 0\n",
			Right:  "FROM debian:trixie-slim\nUSER 1000:1000\n",
		},
		{
			ID: "D02", Title: "USER has a variable that can be empty", Own: Warning, Elsewhere: Note, Blocks: true,
			Varies: "an error if it is empty now",
			Why:    "Docker takes an empty USER, and even \":\", for root, without a warning.",
			Source: "docs.docker.com, Dockerfile reference, USER; github.com/moby/sys/user, GetExecUser",
			Fix:    "writes ${NAME:?NAME is empty}, and adds a missing ARG with a default",
			Wrong:  "FROM debian:trixie-slim\nARG USER_ID\nUSER ${USER_ID}:${GROUP_ID:-1000}\n",
			Right:  "FROM debian:trixie-slim\nARG USER_ID=1000\nUSER ${USER_ID:?USER_ID is empty}:${GROUP_ID:-1000}\n",
		},
		{
			ID: "D03", Title: "USER has no group", Own: Warning, Elsewhere: Note,
			Why:    "A UID that is not in the image's passwd file gets root's group, 0.",
			Source: "docs.docker.com, Dockerfile reference, USER",
			Fix:    "adds ${GROUP_ID:?} to a USER_ID, otherwise the same number",
			Wrong:  "FROM debian:trixie-slim\nUSER 4242\n",
			Right:  "FROM debian:trixie-slim\nUSER 4242:4242\n",
		},
		{
			ID: "D04", Title: "USER is a name", Own: Warning, Elsewhere: OK,
			Why:    "A base image may change what the name means, and Kubernetes' runAsNonRoot refuses names.",
			Source: "kubernetes.io, Configure a Security Context; hadolint DL3066",
			Fix:    "writes the template's numeric USER if the stage has both build arguments",
			Wrong:  "FROM debian:trixie-slim\nRUN useradd --uid 1000 app\nUSER app\n",
			Right:  "FROM debian:trixie-slim\nUSER 1000:1000\n",
		},
		{
			ID: "D05", Title: "the image's user is not the app user", Own: Error, Elsewhere: OK,
			Varies: "a warning if the IDs are right but do not follow the build arguments. Only for services that mount the data folder",
			Why:    "Its files would belong to another user, and the next service could not move them.",
			Source: "docker/compose#4725",
			Fix:    "writes the template's numeric USER if the stage has both build arguments",
			Wrong:  "FROM debian:trixie-slim\nUSER 4711:4711\n",
			Right:  "FROM debian:trixie-slim\nARG USER_ID=1000\nARG GROUP_ID=1000\nUSER ${USER_ID:?USER_ID is empty}:${GROUP_ID:?GROUP_ID is empty}\n",
		},
		{
			ID: "D18", Title: "the image's user is not known", Own: Note, Elsewhere: Note,
			Why:    "It has no USER, and its base image is not available locally and has no documented user.",
			Source: "docs.docker.com, Dockerfile reference, USER",
			Wrong:  "FROM example/unknown:1\n",
			Right:  "FROM example/unknown:1\nUSER 1000:1000\n",
		},
	}
}

func runRules() []Rule { //nolint:funlen // a table of rules
	return []Rule{
		{
			ID: "D06", Title: "creating the group or user fails if the ID is taken", Own: Warning, Elsewhere: Note,
			Why:    "Debian has group 20, which is also that of macOS users, and many images have user 1000.",
			Source: "groupadd(8), useradd(8), --non-unique; osrf/docker_images#795, adidas/lakehouse-engine#16",
			Fix:    "adds --non-unique",
			Wrong:  "FROM debian:trixie-slim\nARG GROUP_ID=1000\nRUN groupadd --gid \"${GROUP_ID}\" app\nUSER 1000:1000\n",
			Right:  "FROM debian:trixie-slim\nARG GROUP_ID=1000\nRUN groupadd --non-unique --gid \"${GROUP_ID}\" app\nUSER 1000:1000\n",
		},
		{
			ID: "D07", Title: "useradd with a UID that may be large", Own: Warning, Elsewhere: Note,
			Why:    "lastlog and faillog are indexed by UID, so a large UID makes a layer of hundreds of gigabytes.",
			Source: "moby/moby#5419; hadolint DL3046; useradd(8), --no-log-init",
			Fix:    "adds --no-log-init",
			Wrong:  "FROM debian:trixie-slim\nARG USER_ID=1000\nRUN useradd --non-unique --uid \"${USER_ID}\" app\nUSER 1000:1000\n",
			Right:  "FROM debian:trixie-slim\nARG USER_ID=1000\nRUN useradd --non-unique --no-log-init --uid \"${USER_ID}\" app\nUSER 1000:1000\n",
		},
		{
			ID: "D08", Title: "a failure to create the user is ignored", Own: Warning, Elsewhere: Note,
			Why:    "The image then has another UID than the one that was asked for.",
			Source: "devcontainers/cli#494, microsoft/vscode-remote-release#7284",
			Wrong:  "FROM debian:trixie-slim\nRUN useradd --uid 1000 app || true\nUSER 1000:1000\n",
			Right:  "FROM debian:trixie-slim\nRUN useradd --uid 1000 app\nUSER 1000:1000\n",
		},
		{
			ID: "D09", Title: "HOME is not set", Own: Warning, Elsewhere: OK,
			Why:    "Docker finds HOME by UID; for one that passwd does not have it is /, which is not writable.",
			Source: "docs.docker.com, docker run reference, environment variables; facebookresearch/demucs#543",
			Fix:    "adds ENV HOME with the home of useradd",
			Wrong:  "FROM debian:trixie-slim\nARG USER_ID=1000\nRUN useradd --non-unique --no-log-init --uid \"${USER_ID}\" --home-dir /home/app app\nUSER ${USER_ID:?}:1000\n",
			Right:  "FROM debian:trixie-slim\nARG USER_ID=1000\nRUN useradd --non-unique --no-log-init --uid \"${USER_ID}\" --home-dir /home/app app\nENV HOME=/home/app\nUSER ${USER_ID:?}:1000\n",
		},
		{
			ID: "D10", Title: "a way back to root is installed", Own: Warning, Elsewhere: Note,
			Why:    "sudo, set-user-ID bits, file capabilities and fixuid let a process become root.",
			Source: "CIS Docker Benchmark 4.8; hadolint DL3004; fixuid's README",
			Wrong:  "FROM debian:trixie-slim\nRUN chmod u+s /usr/bin/find\nUSER 1000:1000\n",
			Right:  "FROM debian:trixie-slim\nRUN chmod 0755 /usr/bin/find\nUSER 1000:1000\n",
		},
		{
			ID: "D11", Title: "the image starts as root and changes its user itself", Own: Error, Elsewhere: Warning, Blocks: true,
			Why:    "Everything before gosu, su-exec or s6 runs as root, and so does every docker exec; without capabilities they fail.",
			Source: "docs.docker.com, best practices, USER; UNITRONIX/BetterDesk#153, askalf/dario#262",
			Wrong:  "FROM debian:trixie-slim\nENTRYPOINT [\"gosu\", \"app\", \"/service\"]\n",
			Right:  "FROM debian:trixie-slim\nUSER 1000:1000\nENTRYPOINT [\"/service\"]\n",
		},
		{
			ID: "D12", Title: "files are writable for everybody", Own: Warning, Elsewhere: Note,
			Why:    "Mode 777 hides a wrong owner, and lets every process change the program.",
			Source: "CIS Docker Benchmark 5.x on file modes; chmod(1)",
			Wrong:  "FROM debian:trixie-slim\nRUN mkdir /data && chmod -R 777 /data\nUSER 1000:1000\n",
			Right:  "FROM debian:trixie-slim\nRUN install -d -o 1000 -g 1000 /data\nUSER 1000:1000\n",
		},
		{
			ID: "D13", Title: "the base image has no tag", Own: Note, Elsewhere: Note,
			Why:    "What \"latest\" is, and its user, can change at any time.",
			Source: "docs.docker.com, best practices, pin base image versions; hadolint DL3006, DL3007",
			Wrong:  "FROM debian\nUSER 1000:1000\n",
			Right:  "FROM debian:trixie-slim\nUSER 1000:1000\n",
		},
	}
}
