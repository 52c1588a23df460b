package nonroot

import "slices"

// Rule is one thing that the audit looks for.
type Rule struct {
	// ID is the rule's name in findings, -only and suppressions: D for Dockerfiles, C for
	// Compose files, E for settings, R for ignore files, K for manifests of Kubernetes, S for suppressions.
	ID string
	// Title says what is found.
	Title string
	// Own is its severity in an audit with [Options.Conventions], Elsewhere in any other one.
	Own, Elsewhere Level
	// Varies says when a finding has another severity, in sentences without the last full stop; "" for never.
	Varies string
	// Why is one sentence, Source where it is from.
	Why, Source string
	// Fix says what [Fix] does; "" where only a person can.
	Fix string
	// Blocks says that a project with such an error must not be started.
	Blocks bool
}

// Rules returns all rules in the order in which docs/audit.md lists them.
func Rules() []Rule { return slices.Clone(rules) }

// ruleOf returns the rule with an ID; ok is false where there is none.
func ruleOf(id string) (rule Rule, ok bool) {
	i := slices.IndexFunc(rules, func(r Rule) bool { return r.ID == id })
	if i < 0 {
		return Rule{}, false
	}
	return rules[i], true
}

// testdata/rules.txtar has two examples of each: one with the finding, one without.
var rules = []Rule{
	{
		ID: "D00", Title: "the Dockerfile cannot be checked", Own: Error, Elsewhere: Error,
		Varies: "a warning if the file is missing, or something is not set. With another frontend (# syntax=) BuildKit may accept it",
		Why:    "It is missing, or BuildKit would refuse it.",
		Source: "BuildKit's own parser",
	},
	{
		ID: "D01", Title: "the image starts as root", Own: Error, Elsewhere: Error, Blocks: true,
		Why:    "A process that leaves its container keeps its UID, and 0 is root on the host.",
		Source: "CIS Docker Benchmark 4.1; OWASP Docker Security Cheat Sheet, rule 2",
		Fix:    "adds the build arguments, the user and a numeric USER",
	},
	{
		ID: "D02", Title: "USER has a variable that can be empty", Own: Warning, Elsewhere: Note, Blocks: true,
		Varies: "an error if it is empty now",
		Why:    "Docker takes an empty USER, and even \":\", for root, without a warning.",
		Source: "docs.docker.com, Dockerfile reference, USER; github.com/moby/sys/user, GetExecUser",
		Fix:    "writes ${NAME:?NAME is empty}, and adds a missing ARG with a default",
	},
	{
		ID: "D03", Title: "USER has no group", Own: Warning, Elsewhere: Note,
		Why:    "A UID that is not in the image's passwd file gets root's group, 0.",
		Source: "docs.docker.com, Dockerfile reference, USER",
		Fix:    "adds ${GROUP_ID:?} to a USER_ID, otherwise the same number",
	},
	{
		ID: "D04", Title: "USER is a name", Own: Warning, Elsewhere: OK,
		Why:    "A base image may change what the name means, and Kubernetes' runAsNonRoot refuses names.",
		Source: "kubernetes.io, Configure a Security Context; hadolint DL3066",
		Fix:    "writes the template's numeric USER if the stage has both build arguments",
	},
	{
		ID: "D05", Title: "the image's user is not the app user", Own: Error, Elsewhere: OK,
		Varies: "a warning if the IDs are right but do not follow the build arguments. Only for services that mount the data folder",
		Why:    "Its files would belong to another user, and the next service could not move them.",
		Source: "docker/compose#4725",
		Fix:    "writes the template's numeric USER if the stage has both build arguments",
	},
	{
		ID: "D18", Title: "the image's user is not known", Own: Note, Elsewhere: Note,
		Varies: "a warning if the passwd file, which says who a name is, is changed or mounted over in a way that cannot be followed",
		Why:    "It has no USER, and its base image is neither available locally nor documented.",
		Source: "docs.docker.com, Dockerfile reference, USER",
	},
	{
		ID: "D06", Title: "creating the group or user fails if the ID is taken", Own: Warning, Elsewhere: Note,
		Why:    "Debian has group 20, which is also that of macOS users, and many images have user 1000.",
		Source: "groupadd(8), useradd(8), --non-unique; osrf/docker_images#795, adidas/lakehouse-engine#16",
		Fix:    "adds --non-unique",
	},
	{
		ID: "D07", Title: "useradd with a UID that may be large", Own: Warning, Elsewhere: Note,
		Why:    "lastlog and faillog are indexed by UID, so a large UID makes a layer of hundreds of gigabytes.",
		Source: "moby/moby#5419; hadolint DL3046; useradd(8), --no-log-init",
		Fix:    "adds --no-log-init",
	},
	{
		ID: "D08", Title: "a failure to create the user is ignored", Own: Warning, Elsewhere: Note,
		Why:    "The image then has another UID than the one that was asked for.",
		Source: "devcontainers/cli#494, microsoft/vscode-remote-release#7284",
	},
	{
		ID: "D09", Title: "HOME is not set", Own: Warning, Elsewhere: OK,
		Why:    "Docker finds HOME by UID; for one that passwd does not have it is /, which is not writable.",
		Source: "docs.docker.com, docker run reference, environment variables; facebookresearch/demucs#543",
		Fix:    "adds ENV HOME with the home of useradd",
	},
	{
		ID: "D10", Title: "a way back to root is installed", Own: Warning, Elsewhere: Note,
		Why:    "sudo, set-user-ID bits, file capabilities and fixuid let a process become root.",
		Source: "CIS Docker Benchmark 4.8; hadolint DL3004; fixuid's README",
	},
	{
		ID: "D11", Title: "the image starts as root and changes its user itself", Own: Error, Elsewhere: Warning, Blocks: true,
		Why:    "Everything before gosu, su-exec or s6 runs as root, and so does every docker exec; without capabilities they fail.",
		Source: "docs.docker.com, best practices, USER; UNITRONIX/BetterDesk#153, askalf/dario#262",
	},
	{
		ID: "D12", Title: "files are writable for everybody", Own: Warning, Elsewhere: Note,
		Why:    "Mode 777 hides a wrong owner, and lets every process change the program.",
		Source: "CIS Docker Benchmark 5.x on file modes; chmod(1)",
	},
	{
		ID: "D13", Title: "the base image has no tag", Own: Note, Elsewhere: Note,
		Why:    "What \"latest\" is, and its user, can change at any time.",
		Source: "docs.docker.com, best practices, pin base image versions; hadolint DL3006, DL3007",
	},
	{
		ID: "C01", Title: "the build does not get the IDs", Own: Warning, Elsewhere: OK,
		Why:    "The Dockerfile takes USER_ID and GROUP_ID, but Compose does not pass them.",
		Source: "Compose specification, build.args; docker/compose#4725",
		Fix:    "adds the arguments with ${APP_USER_ID:-1000} and ${APP_GROUP_ID:-1000}",
	},
	{
		ID: "C02", Title: "\"user:\" is root", Own: Error, Elsewhere: Error, Blocks: true,
		Why:    "It overrides the image's USER.",
		Source: "Compose specification, user; CIS Docker Benchmark 4.1",
		Fix:    "writes the app user's variables, for services with a build section",
	},
	{
		ID: "C03", Title: "a user's variable can be empty", Own: Warning, Elsewhere: Note, Blocks: true,
		Varies: "an error if it is empty now and makes the service root",
		Why:    "Compose takes an unset variable as empty (bash does not export UID), and an empty user is root.",
		Source: "docs.docker.com, Compose, interpolation; docker/compose#4725, NatLibFi/Annif#319",
		Fix:    "writes ${NAME:-1000}",
	},
	{
		ID: "C04", Title: "the container has more rights than its user", Own: Error, Elsewhere: Warning, Blocks: true,
		Varies: "elsewhere, privileged is an error unless the service is known not to be root",
		Why:    "Privileged mode, an engine's socket, the host's namespaces, devices such as disks, memory and keyboards, capabilities with root's power and switched-off filters lead to root.",
		Source: "CIS Docker Benchmark 5.3, 5.5, 5.10, 5.16, 5.17, 5.22, 5.31, 5.32; OWASP Docker Security Cheat Sheet, rules 1, 3 and 6",
	},
	{
		ID: "C05", Title: "capabilities are not dropped", Own: Warning, Elsewhere: Note,
		Varies: "elsewhere only for services known not to start as root",
		Why:    "By default, a set-user-ID program gets fourteen capabilities.",
		Source: "CIS Docker Benchmark 5.3; OWASP Docker Security Cheat Sheet, rule 3; capabilities(7)",
		Fix:    "adds cap_drop: [ALL]",
	},
	{
		ID: "C06", Title: "new privileges are possible", Own: Warning, Elsewhere: Note,
		Varies: "elsewhere only for services known not to start as root",
		Why:    "Without no-new-privileges, a set-user-ID program can make the service root.",
		Source: "CIS Docker Benchmark 5.26; OWASP Docker Security Cheat Sheet, rule 4; prctl(2), PR_SET_NO_NEW_PRIVS",
		Fix:    "adds security_opt: [\"no-new-privileges:true\"]",
	},
	{
		ID: "C07", Title: "the root file system is writable", Own: Note, Elsewhere: OK,
		Why:    "On a read-only root an intruder can only write to the data.",
		Source: "CIS Docker Benchmark 5.13; OWASP Docker Security Cheat Sheet, rule 8",
	},
	{
		ID: "C08", Title: "the engine may create the data folder", Own: Warning, Elsewhere: OK,
		Why:    "The engine creates a missing bind mount source as root, and then the service cannot write there.",
		Source: "docker/compose#13612, docker/compose#2781; Compose specification, volumes, create_host_path",
		Fix:    "writes the long form with create_host_path: false",
	},
	{
		ID: "C09", Title: "\"user:\" is not the app user", Own: Error, Elsewhere: OK,
		Varies: "only for services that mount the data folder",
		Why:    "Its files would belong to another user, and the next service could not move them.",
		Source: "docs/settings.md",
		Fix:    "writes the app user's variables, for services with a build section",
	},
	{
		ID: "C10", Title: "a hook runs as root", Own: Error, Elsewhere: Warning, Blocks: true,
		Why:    "Commands of post_start, pre_stop and develop.watch run in the same container, and their files belong to root.",
		Source: "Compose specification, lifecycle hooks; Compose develop specification, watch",
	},
	{
		ID: "C16", Title: "a provider runs a program on this machine", Own: Warning, Elsewhere: Note,
		Why:    "Compose starts the program as whoever types the command, outside of any container.",
		Source: "Compose specification, provider",
	},
	{
		ID: "C14", Title: "the user of an image is not known", Own: Note, Elsewhere: Note, Blocks: true,
		Varies: "an error (elsewhere a warning) if the image is available locally and has no user; a warning as for D18",
		Why:    "The service has no \"user:\", and its image is not available locally.",
		Source: "Compose specification, user",
	},
	{
		ID: "C15", Title: "\"user:\" has no group", Own: Warning, Elsewhere: Note,
		Why:    "A UID that is not in the image's passwd file gets root's group, 0.",
		Source: "github.com/moby/sys/user, GetExecUser",
	},
	{
		ID: "C17", Title: "a group has rights of its own", Own: Warning, Elsewhere: Note,
		Varies: "in Dockerfiles as well",
		Why:    "root, docker, disk, kmem, shadow, sudo and wheel have files or devices by which their members become root.",
		Source: "/usr/share/doc/base-passwd/users-and-groups.txt; docs.docker.com, post-installation steps, the docker group",
	},
	{
		ID: "C18", Title: "what it starts becomes root", Own: Error, Elsewhere: Error, Blocks: true,
		Varies: "in Dockerfiles as well",
		Why:    "Its user is not root, but it is started by sudo, doas or a program with the set-user-ID bit, and nothing forbids new privileges.",
		Source: "sudo(8); execve(2), set-user-ID; prctl(2), PR_SET_NO_NEW_PRIVS",
	},
	{
		ID: "E01", Title: "an ID cannot be used", Own: Error, Elsewhere: Warning, Blocks: true,
		Why:    "0 and an empty ID are root, 4294967295 is \"do not change\" to chown(2), and tools read other spellings differently.",
		Source: "chown(2); github.com/moby/sys/user, GetExecUser",
		Fix:    "writes 1000 into .env or .env.local, if the value is there",
	},
	{
		ID: "E02", Title: "the environment has another ID than the files", Own: Note, Elsewhere: OK,
		Why:    "A variable of the shell wins over .env, so this machine builds other images than the team.",
		Source: "docs.docker.com, Compose, environment variables precedence",
	},
	{
		ID: "E03", Title: "tools read a settings file differently", Own: Warning, Elsewhere: OK,
		Why:    "Compose, shells and other tools disagree about byte order marks, carriage returns, quotes and repeated names.",
		Source: "docs.docker.com, Compose, .env file syntax; docker run --env-file keeps quotes",
		Fix:    "removes byte order marks, carriage returns, quotes around an ID, and the earlier of two equal names",
	},
	{
		ID: "E08", Title: "the group has too many rights", Own: Warning, Elsewhere: OK,
		Why:    "In Debian's images, groups 6, 15, 27 and 42 are disk, kmem, sudo and shadow.",
		Source: "/usr/share/doc/base-passwd/users-and-groups.txt",
	},
	{
		ID: "R01", Title: "secrets or data can get into the image", Own: Warning, Elsewhere: Note,
		Why:    "The build context has .env, .git or the data folder, and the Dockerfile copies all of it. A file that this user may not read stops the build.",
		Source: "docs.docker.com, build context, .dockerignore files",
		Fix:    "adds them to the ignore file",
	},
	{
		ID: "K01", Title: "a pod may run as root", Own: Error, Elsewhere: Error,
		Why:    "Nothing in the manifest keeps it from it, so that the image decides, today's and tomorrow's.",
		Source: "kubernetes.io, Pod Security Standards, restricted; k8s.io/pod-security-admission, which says what a cluster would",
	},
	{
		ID: "K02", Title: "a pod has more rights than its user", Own: Error, Elsewhere: Error,
		Why:    "Privileged containers, the node's namespaces, folders and ports, and capabilities lead to root on the node.",
		Source: "kubernetes.io, Pod Security Standards, baseline; k8s.io/pod-security-admission",
	},
	{
		ID: "K03", Title: "the restricted profile refuses a pod", Own: Warning, Elsewhere: Warning,
		Why:    "A namespace that enforces the profile does not start it: it could get new privileges or capabilities, or call all of the kernel.",
		Source: "kubernetes.io, Pod Security Standards, restricted; k8s.io/pod-security-admission",
	},
	{
		ID: "K04", Title: "a namespace does not enforce the restricted profile", Own: Warning, Elsewhere: Warning,
		Why:    "It takes whatever manifest comes next, also one that runs as root.",
		Source: "kubernetes.io, Pod Security Admission, namespace labels",
	},
	{
		ID: "K05", Title: "a key is none of Kubernetes'", Own: Warning, Elsewhere: Warning,
		Why:    "The API server drops it, and with it the protection that was meant; capitals matter.",
		Source: "kubernetes.io, kubectl apply, --validate",
	},
	{
		ID: "K06", Title: "the Compose file cannot be rendered for Kubernetes", Own: Error, Elsewhere: Error,
		Varies: "only for projects whose x-im2 has a registry or storage",
		Why:    "Something in it would be refused there, or would mean something else.",
		Source: "docs/cluster.md",
	},
	{
		ID: "S01", Title: "a suppression without a reason", Own: Warning, Elsewhere: Warning,
		Why:    "Nobody can tell later whether it is still needed.",
		Source: "docs/audit.md",
	},
	{
		ID: "S02", Title: "a suppression without effect", Own: Warning, Elsewhere: Warning,
		Why:    "It would hide the next mistake on this line.",
		Source: "docs/audit.md",
	},
}
