package verify

import (
	"fmt"
	"slices"

	"github.com/im2-audio/im2/nonroot"
)

// Way says how something was seen. What was not seen is never claimed.
type Way string

// The ways of seeing.
const (
	// ByHost is this machine's kernel: /proc of the processes, files in the data folder.
	ByHost Way = "host"
	// ByEngine is what the engine says: inspect, top.
	ByEngine Way = "engine"
	// ByContainer is our own program, run in the container by "docker exec", or with its process IDs alone.
	ByContainer Way = "container"
	// ByImageTool is a program of the image, run in the container.
	ByImageTool Way = "image tool"
	// ByStandIn is our own program in another container with the same user, capabilities and
	// mounts: it proves the configuration, not the container.
	ByStandIn Way = "stand-in"
	// ByService is what the service says of itself, in a [Proof]; it can be forged.
	ByService Way = "service"
	// ByConfiguration is a conclusion from how the container was configured.
	ByConfiguration Way = "configuration"
)

// Check names what is checked.
type Check string

// The checks, in the order in which they are shown.
const (
	State        Check = "state"             // the container runs
	Users        Check = "users"             // users and groups of every thread
	Capabilities Check = "capabilities"      // all sets of every thread, and what was asked for
	NewPrivs     Check = "no-new-privileges" // the bit of every process
	Seccomp      Check = "seccomp"           // the filter of every process
	Privileged   Check = "privileged"        // privileged mode
	Namespaces   Check = "namespaces"        // namespaces of the host
	EngineSocket Check = "engine-socket"     // mounts of an engine's socket
	Mounts       Check = "mounts"            // whether they are of what is at their sources now
	Devices      Check = "devices"           // devices of the machine
	ReadOnlyRoot Check = "read-only-root"    // the container's own files
	Limits       Check = "limits"            // memory and processes
	ExecUser     Check = "exec-user"         // the user of "docker exec" and of health checks
	Commands     Check = "commands"          // the users of pre_start, post_start, pre_stop and develop.watch
	SystemWrites Check = "system-folders"    // an attempt to write to / and /etc
	SetuidFiles  Check = "setuid-files"      // files of the image that give rights
	Umask        Check = "umask"             // the mode of new files
	Canary       Check = "canary"            // owner and modes of a file that the service makes
	HandOver     Check = "hand-over"         // whether the next service can rename and remove it
	SelfProof    Check = "proof"             // what the service says of itself
	DataRights   Check = "data-rights"       // file capabilities and access control lists in the data folder
	DataOwners   Check = "data-owners"       // owners of what is in the data folder
)

// Remedy is what fixes a finding, where its Detail does not say.
type Remedy string

// The remedies.
const (
	// Create is to create the service's container.
	Create Remedy = "create the container"
	// Recreate is to make the container again, which is older than its Compose file.
	Recreate Remedy = "recreate the container"
	// ReadLogs is to read why the container ended.
	ReadLogs Remedy = "read the container's logs"
	// ResetRights is to reset the data folder (package ownership).
	ResetRights Remedy = "reset the data folder"
)

// Finding is the result of one check.
type Finding struct {
	// Check is what was checked.
	Check Check `json:"check"`
	// Level is the result. Warning is hardening that was not asked for, or what could not be checked.
	Level nonroot.Level `json:"result"`
	// By is how it was seen; empty where it could not be.
	By Way `json:"by,omitempty"`
	// Detail is what was seen, in one line, and what fixes it. It may have text of the container: make it safe for
	// a terminal.
	Detail string `json:"detail"`
	// Remedy is what fixes it; empty where Detail says.
	Remedy Remedy `json:"remedy,omitempty"`

	// root says that what was found is root itself: one of its processes, or what only root can do.
	root bool
}

// ofRoot marks a finding that the control must lead to.
func (f Finding) ofRoot() Finding {
	f.root = true
	return f
}

func (f Finding) remedy(r Remedy) Finding {
	f.Remedy = r
	return f
}

func found(check Check, level nonroot.Level, by Way, format string, args ...any) Finding {
	return Finding{Check: check, Level: level, By: by, Detail: fmt.Sprintf(format, args...)}
}

// Service is what was found of one container of a service, or of a foreign one that mounts the data folder.
type Service struct {
	// Service is its name in the Compose file; empty for a foreign container.
	Service string `json:"service"`
	// Container is the container's name; empty where there is none.
	Container string `json:"container,omitempty"`
	// Node is the machine of a service in [Report.Elsewhere], as it says; empty where it does not.
	Node string `json:"node,omitempty"`
	// Asked is the user that was asked for, and what asked for it.
	Asked string `json:"asked,omitempty"`
	// Checks are the findings.
	Checks []Finding `json:"checks"`
}

// Report is the result of a verification.
type Report struct {
	// Project is the Compose project's name.
	Project string `json:"project"`
	// Result is nonroot.Error where there is any failure, else OK.
	Result nonroot.Level `json:"result"`
	// Failures and Warnings count findings, those of the control included.
	Failures int `json:"failures"`
	Warnings int `json:"warnings"`
	// Seconds is how long it took.
	Seconds float64 `json:"seconds"`
	// Services are the containers, by service and number, and the foreign ones behind them.
	Services []Service `json:"services"`
	// Elsewhere are those of which only a [Proof] is there: on other machines, and of other projects. Container is the host
	// name of the container.
	Elsewhere []Service `json:"elsewhere,omitempty"`
	// Data is what was found in the data folder; nil for a project without one, and with [Options.Service].
	Data []Finding `json:"data,omitempty"`
	// Control is what the same checks said of a container of root: OK where they found it out.
	Control []Finding `json:"control"`
}

func (r *Report) count() {
	all := slices.Concat(r.Control, r.Data)
	for _, s := range slices.Concat(r.Services, r.Elsewhere) {
		all = append(all, s.Checks...)
	}
	for _, f := range all {
		switch f.Level {
		case nonroot.Error:
			r.Failures++
			r.Result = nonroot.Error
		case nonroot.Warning:
			r.Warnings++
		case nonroot.OK, nonroot.Note:
		}
	}
}
