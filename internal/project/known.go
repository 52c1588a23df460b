package project

import (
	"net/url"
	"slices"
	"strings"

	"github.com/im2-audio/im2/pipeline/layout"
	"github.com/im2-audio/im2/pipeline/lease"
	"github.com/im2-audio/im2/pipeline/logging"
	"github.com/im2-audio/im2/pipeline/notify"
	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/proof"
	"github.com/im2-audio/im2/pipeline/space"
)

// Known is a variable that the targets read, or the tools that they start. Nothing else of an
// environment or a settings file is ever shown: it may be a secret.
type Known struct {
	// Name is the variable.
	Name string
	// About says what it is for.
	About string
	// optional says that there is nothing to say of it while nobody sets it.
	optional bool
}

// Known lists the variables that are known, in the order in which they are shown. The IDs
// have the names that this project gives them.
func (s Settings) Known() []Known {
	known := []Known{
		{s.UIDName, "which user the services run as: the UID", false},
		{s.GIDName, "which user the services run as: the GID", false},
		{BaseImage, "the image that Dockerfiles start from", false},
		{DemucsEngine, "what separates tracks", false},
		{DemucsModel, "the model that it uses", false},
		{DemucsPrecision, "what the model is prepared in: fp32, or int8, which is smaller and less exact", false},
		{DemucsProvider, "what it computes with: cpu, webgpu or cuda", false},
		{DemucsMemory, "normal, or low to take less memory and more time", false},
		{DemucsThreads, "threads of each worker; \"mage up\" shares the processors where it is empty", false},
	}
	known = append(known, Known{Replicas, "containers of services, such as demucs=2; \"mage up -replicas\" writes it", false})
	known = append(known, Known{Web, "whether the pages for a browser are started: on, or off; \"mage up -web\" writes it", false})
	known = append(known, Known{WebUpload, "whether songs can be put in with a browser: on, or off; \"mage up -webUpload\" writes it", false})
	known = append(known, Known{DataID, "the ID of the only data folder to work with, as its file " + proof.IDFile + " has it", false})
	known = append(known,
		Known{lease.PollSetting, "how often services look for work, at most 10s", false},
		Known{lease.LeaseSetting, "after how long without a sign of life another worker takes over; 1m where it is empty", false},
		Known{lease.RenewSetting, "how often a worker gives a sign of life; 4s where it is empty", false},
		Known{layout.Setting, "which folders songs get in output/: flat, or media for ARTIST/ALBUM/NN TITLE", true},
		Known{space.Setting, "how much of the data folder's disk stays free, such as 2g or 5%", false},
		Known{logging.Setting, "how services log: text, or json, a job's ID in each line about a song", true},
	)
	for _, f := range options.Fields {
		if f.Setting != DemucsModel {
			known = append(known, Known{f.Setting, f.About, false})
		}
	}
	known = append(known, Known{CABundle, "certificates that builds and downloads trust beside the system's", false})
	for _, name := range ProxyNames {
		for _, spelling := range []string{name, strings.ToLower(name)} {
			known = append(known, Known{spelling, "a proxy for builds and downloads", true})
		}
	}
	return append(known,
		Known{WebAddress, "where the pages are on this machine", true},
		Known{notify.Setting, "the webhook that the pages' service tells of songs that are done or failed; what may be secret is not shown", true},
		Known{WebHosts, "names by which a browser may ask for the pages, beside localhost", true},
		Known{proof.NodeVariable, "the name of this machine in the proofs of services", true},
		Known{"COMPOSE_FILE", "the Compose files to read", true},
		Known{"COMPOSE_PROFILES", "the profiles of services that are enabled", true},
		Known{"COMPOSE_PROJECT_NAME", "the Compose project's name", true},
		Known{"DOCKER_HOST", "where the engine is", true},
		Known{"DOCKER_CONTEXT", "the Docker context that says where the engine is", true},
		Known{"DOCKER_CONFIG", "the folder of Docker's own configuration", true},
		Known{"DOCKER_DEFAULT_PLATFORM", "the platform of services that name none, such as linux/arm64", true},
		Known{"BUILDX_BUILDER", "the builder that Buildx uses", true},
	)
}

// byServices are the defaults of settings that services decide. No tool is told them: another project's Compose file may mean something
// else by these names.
var byServices = map[string]string{layout.Setting: layout.Flat, logging.Setting: logging.Text}

// ProxyNames are the variables of proxies, each also in lower case. They are BuildKit's predefined arguments.
var ProxyNames = []string{"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY"}

// showable removes a password from the address of a proxy or an engine, and all but the host from that of a webhook.
func showable(name, value string) string {
	if name == notify.Setting && value != "" {
		if u, err := url.Parse(value); err == nil && u.Host != "" {
			return u.Scheme + "://" + u.Host + "/***"
		}
		return "***"
	}
	if !slices.Contains(ProxyNames, strings.ToUpper(name)) && name != "DOCKER_HOST" {
		return value
	}
	scheme, rest, found := strings.Cut(value, "://")
	if !found {
		scheme, rest = "", value
	}
	// Up to the last "@": passwords with an unescaped one are common, and net/url refuses them.
	at := strings.LastIndexByte(rest, '@')
	if at < 0 || strings.ToUpper(name) == "NO_PROXY" {
		return value
	}
	user, _, hasPassword := strings.Cut(rest[:at], ":")
	if !hasPassword {
		return value
	}
	if clean, err := url.PathUnescape(user); err == nil {
		user = clean
	}
	shown := user + ":***" + rest[at:]
	if found {
		shown = scheme + "://" + shown
	}
	return shown
}
