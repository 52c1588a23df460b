package manual

import "github.com/im2-audio/im2/internal/usage"

type (
	// Note is what a signature cannot say of a target. A test holds the examples to the flags
	// that there are, and runs each or finds the scenario that does.
	Note = usage.Note
	// Example is one command line.
	Example = usage.Example
)

// What many targets have in common: the page says it once, above all of them.
const (
	noProject = "settings or a Compose file that cannot be used"
	noEngine  = "Docker is not installed, does not answer, refuses this user or is too old"
	wrongUse  = "wrong use"
	itFailed  = "the work failed, or a check found something"
	noCluster = "no kubectl, or no context; the cluster does not answer, or refuses this user"
	noData    = noProject + "; no data folder"
)

// Notes are the notes of the targets, by name.
var Notes = map[string]Note{
	"up": {
		Examples: []Example{
			{"mage up -replicas=demucs=2", "two workers, for two songs at the same time, from now on"},
			{"mage up -replicas=auto", "as many as memory and processors allow again"},
			{"mage up -web=off", "without the pages for a browser, from now on"},
			{"mage up -webUpload=on", "songs can be put in with a browser, from now on"},
		},
		Failed:   "an image, the folders or the model could not be created; a service would run as root or did not become healthy",
		Unusable: noProject + "; fewer than one worker, or more than fit; something cannot be built",
		Missing:  noEngine + "; no base image; no network for the model; not enough memory for a worker",
		More:     "failures.md",
	},
	"open": {
		Examples: []Example{{"mage open", "where there is no desktop, only the address is printed"}},
		Failed:   "the pages do not answer, or are off", Unusable: noProject + "; the project has no pages",
		More: "web.md",
	},
	"down": {
		Examples: []Example{{"mage down", "stop; `mage up` continues"}},
		Failed:   itFailed, Unusable: noProject, Missing: noEngine,
	},
	"restart": {
		Examples: []Example{{"mage restart -service=organizer,watcher", "only these services"}},
		Failed:   "a service did not become healthy", Unusable: noProject, Missing: noEngine,
	},
	"status": {
		Examples: []Example{{"mage status -json", "for programs"}},
		Failed:   itFailed, Unusable: noProject, Missing: noEngine,
	},
	"logs": {
		Examples: []Example{{"mage logs -service=demucs", "one service"}, {"mage logs -follow", "all, until Ctrl-C"}, {"mage logs -tail=20 -since=10m", "the last lines of the last ten minutes"}},
		Failed:   itFailed, Unusable: noProject + "; no such service or time", Missing: noEngine,
	},
	"separate": {
		Examples: []Example{
			{"mage separate ~/music/song.mp3", "print its stems"},
			{"mage separate ~/music/song.mp3 -twoStems=vocals -format=flac", "the voice, and the song without it"},
			{"mage separate ~/music/song.mp3 -again -json", "again, with the result as JSON"},
		},
		Failed:   "the song was rejected or given up, or could not be copied",
		Unusable: noData + "; no such file, a folder or an empty file; wrong or contradicting options",
		More:     "song.md",
	},
	"jobs": {
		Examples: []Example{
			{"mage jobs -state=failed,pending -json", "some, for programs"},
			{"mage jobs -watch", "follow those on their way, until Ctrl-C"},
		},
		Failed: itFailed, Unusable: noData,
		More: "song.md",
	},
	"retry": {
		Examples: []Example{
			{"mage retry 20261120T100000.000001Z-00000001", "one job, by the ID that `mage jobs` shows"},
			{"mage retry -all", "every failed job"},
		},
		Failed:   "a job could not be put back, such as one whose song is gone",
		Unusable: noData + "; no failed job of that ID",
		More:     "song.md",
	},
	"cancel": {
		Examples: []Example{
			{"mage cancel 20261120T100000.000002Z-00000002", "one job, by the ID that `mage jobs` shows"},
			{"mage cancel -all", "every job that has not ended"},
		},
		Failed:   "a job could not be cancelled",
		Unusable: noData + "; no job of that ID, or it has ended",
		More:     "song.md",
	},
	"pause": {
		Examples: []Example{{"mage pause", "before maintenance, or to have the processors for something else"}},
		Failed:   "the data folder cannot be written", Unusable: noData,
		More: "song.md",
	},
	"resume": {
		Examples: []Example{{"mage resume", "take songs again"}},
		Failed:   "the data folder cannot be written", Unusable: noData,
		More: "song.md",
	},
	"prune": {
		Examples: []Example{
			{"mage prune -dryRun", "what is older than 30 days, and how much it is"},
			{"mage prune -older=2w -keep=rejected", "what is older than two weeks, but no rejected files"},
		},
		Failed: "something could not be read or removed, or a record is damaged", Unusable: noData + "; no such age or kind",
		More: "song.md",
	},
	"reset-permissions": {
		Examples: []Example{
			{"mage reset-permissions -dryRun", "only count"},
			{"mage reset-permissions -path=output/song", "one folder in it"},
		},
		Failed:   "something was skipped or could not be set",
		Unusable: noData + "; `-path` leads out of the data folder",
		Missing:  "no engine, for a volume",
		More:     "permissions.md",
	},
	"setup": {
		Examples: []Example{
			{"mage setup -ids=false", "ask nothing"},
		},
		Failed: "a file could not be written", Unusable: "settings that cannot be read",
		Missing: "Docker cannot be installed or started; the error says what to type",
	},
	"build": {
		Examples: []Example{
			{"mage build -dryRun", "what is stale, and why"},
			{"mage build -module=demucs -force", "one image, even if up to date"},
			{"mage build -push", "push what has an \"image\""},
		},
		Failed:   "a build failed; the old images are kept",
		Unusable: noProject + "; something cannot be built, such as a missing Dockerfile; no such module or platform",
		Missing:  noEngine + "; no base image; no builder for several platforms",
		More:     "build.md",
	},
	"demucs-cache": {
		Examples: []Example{
			{"mage demucs-cache -fetch=false", "only the folder"},
			{"mage demucs-cache -precision=int8", "also the smaller, less exact one"},
		},
		Failed:   "folder or model could not be written, wrong digest, or your file is not HTDemucs",
		Unusable: noProject + "; no service with a model cache; no such model or precision; a file name that cannot be a model's",
		Missing:  "no network for the weights; Docker, if the image must be built first",
	},
	"clean": {
		Examples: []Example{
			{"mage clean -dryRun", "only say what would go"},
			{"mage clean", "programs and images"},
		},
		Failed: "an image is in use, or a file could not be removed", Unusable: noProject,
	},
	"audit": {
		Examples: []Example{
			{"mage audit -diff", "what `-fix` would change"},
			{"mage audit -fix", "fix what has a safe fix"},
			{"mage audit -format=sarif", "for code scanning"},
			{"mage audit -k8s=manifests", "also what a cluster would refuse"},
			{"mage audit -format=html > audit.html", "a page to send to somebody"},
			{"mage audit -json > baseline.json", "what `-baseline=baseline.json` then leaves out"},
		},
		Failed:   "findings at or above the threshold; with `-diff`, something to fix",
		Unusable: "the project or a manifest cannot be read; no such rule, format or severity",
		More:     "audit.md",
	},
	"cluster-up": {
		Examples: []Example{
			{"mage cluster-up", "as many pods as the Compose file says"},
			{"mage cluster-up -replicas=demucs=2", "two workers"},
		},
		Failed:   "an image, the folders or the model could not be created; the cluster refuses a pod, or one did not become healthy",
		Unusable: noProject + "; no registry; something that Kubernetes' restricted profile refuses, or that means something else there",
		Missing:  noEngine + "; " + noCluster + "; the registry cannot be reached",
		More:     "cluster.md",
	},
	"cluster-status": {
		Examples: []Example{{"mage cluster-status -json", "for programs"}},
		Failed:   itFailed, Unusable: noProject, Missing: noCluster, More: "cluster.md",
	},
	"cluster-logs": {
		Examples: []Example{{"mage cluster-logs -service=demucs -tail=20 -since=10m", "the last lines of the last ten minutes"}, {"mage cluster-logs -follow", "all, until Ctrl-C"}},
		Failed:   itFailed, Unusable: noProject + "; no such service or time", Missing: noCluster, More: "cluster.md",
	},
	"cluster-down": {
		Examples: []Example{{"mage cluster-down", "stop; `mage cluster-up` continues"}, {"mage cluster-down -volumes", "also give the space back"}},
		Failed:   itFailed, Unusable: noProject, Missing: noCluster, More: "cluster.md",
	},
	"cluster-render": {
		Examples: []Example{
			{"mage cluster-render > im2.yaml", "for `kubectl apply -f im2.yaml`"},
			{"mage cluster-render -out=manifests", "a file for each service, to keep under version control"},
			{"mage cluster-render -autoscale=keda -replicas=8", "one to eight workers, as songs need them"},
		},
		Failed:   "a file could not be written",
		Unusable: noProject + "; something that Kubernetes' restricted profile refuses, or that means something else there",
		More:     "cluster.md",
	},
	"verify": {
		Examples: []Example{
			{"mage verify -service=demucs -json", "one service, for programs"},
			{"mage verify -format=html > verify.html", "a page to send to somebody"},
			{"mage verify -proofs", "what services on all machines that share the data folder say of themselves"},
		},
		Failed: "a check failed, or did not find the container that runs as root", Unusable: noProject + "; nothing runs", Missing: noEngine + "; an engine without Linux containers",
		More: "verify.md",
	},
	"doctor": {
		Examples: []Example{
			{"mage doctor -check=mounts,trust", "only these, and those that they need"},
			{"mage doctor -bundle", "an archive for a bug report, in this folder"},
		},
		Failed: itFailed, Unusable: wrongUse,
		More: "doctor.md",
	},
	"remove": {
		Examples: []Example{
			{"mage remove loudness -dryRun", "what would be removed, and the change of the Compose file"},
			{"mage remove loudness", "the inverse of `mage new loudness`"},
		},
		Failed:   "a container or a file could not be removed; nothing else was",
		Unusable: noProject + "; no such service, or others need it",
		More:     "adding-a-service.md",
	},
	"env": {
		Examples: []Example{{"mage env -json", "for programs"}},
		Unusable: "a setting cannot be used; the others are listed",
		More:     "doctor.md",
	},
	"new": {
		Examples: []Example{
			{"mage new loudness -dryRun", "what would be written, as a diff"},
		},
		Failed:   "it could not be written; nothing was created",
		Unusable: noProject + "; the name cannot be used",
		More:     "adding-a-service.md",
	},
	"bench": {
		Examples: []Example{
			{"mage bench -only=build", "builds beside Docker Compose"},
			{"sudo env PATH=$PATH mage bench -only=permissions", "permissions beside the usual recipe"},
			{"mage bench -only=engine -runs=3", "a separation beside the npm package"},
		},
		Failed:   "a way did not do its work",
		Unusable: "not root for the permissions part; nothing to measure; a system other than Linux or macOS",
		Missing:  noEngine,
		More:     "bench.md",
	},
	"test": {
		Examples: []Example{
			{"mage test -race -coverage", "as the gate does"},
			{"mage test -cluster -lint=false -run=TestScripts/cluster", "the scenarios on a Kubernetes cluster"},
			{"mage test -lint=false -packages=./pipeline/... -run=^TestParse", "only these"},
		},
		Failed: "a test or the linter failed, or coverage is too low", Missing: "the linter could not be downloaded",
	},
	"help": {
		Examples: []Example{{"mage help reset-permissions", "one target, with its flags"}},
		Unusable: wrongUse,
		More:     "completion.md",
	},
	"completion": {
		Examples: []Example{{"mage completion bash", "for `source <(mage completion bash)`; also zsh, fish"}},
		Unusable: wrongUse,
		More:     "completion.md",
	},
	"lint": {
		Examples: []Example{{"mage lint", "the linter, then macOS and Windows"}},
		Failed:   itFailed, Missing: "the linter could not be downloaded",
	},
}
