package verify

import (
	"fmt"
	"slices"
)

// Level is what a check came to.
type Level string

// The levels, the best one first.
const (
	// OK is what was seen and is as it should be.
	OK Level = "ok"
	// Note is worth knowing, and nothing is to be mended.
	Note Level = "note"
	// Warn is hardening that nobody asked for, or what could not be looked at.
	Warn Level = "warn"
	// Fail is a danger, or not what was asked for.
	Fail Level = "fail"
)

// Way says how something was seen. What was not seen is never claimed.
type Way string

// The ways of seeing.
const (
	// ByHost is this machine's kernel: /proc of the processes, files in the data folder.
	ByHost Way = "host"
	// ByEngine is what the engine says: inspect, top.
	ByEngine Way = "engine"
	// ByContainer is our own program, run in the container by "docker exec".
	ByContainer Way = "container"
	// ByImageTool is a program of the image, run in the container.
	ByImageTool Way = "image tool"
	// ByStandIn is our own program in another container with the same user, capabilities and
	// mounts: it proves the configuration, not the container.
	ByStandIn Way = "stand-in"
	// ByConfiguration is a conclusion from how the container was configured.
	ByConfiguration Way = "configuration"
)

// Check names what is looked at.
type Check string

// The checks, in the order in which they are shown.
const (
	State        Check = "state"
	Users        Check = "users"
	Capabilities Check = "capabilities"
	NewPrivs     Check = "no-new-privileges"
	Seccomp      Check = "seccomp"
	Privileged   Check = "privileged"
	Namespaces   Check = "namespaces"
	EngineSocket Check = "engine-socket"
	Devices      Check = "devices"
	ReadOnlyRoot Check = "read-only-root"
	ExecUser     Check = "exec-user"
	SystemWrites Check = "system-folders"
	SetuidFiles  Check = "setuid-files"
	Umask        Check = "umask"
	Canary       Check = "canary"
	HandOver     Check = "hand-over"
)

// Finding is the result of one check.
type Finding struct {
	// Check is what was looked at.
	Check Check `json:"check"`
	// Level is what it came to.
	Level Level `json:"result"`
	// By is how it was seen; empty where it could not be.
	By Way `json:"by,omitempty"`
	// Detail is what was seen, and what mends it.
	Detail string `json:"detail"`
}

// found makes a finding.
func found(check Check, level Level, by Way, format string, args ...any) Finding {
	return Finding{Check: check, Level: level, By: by, Detail: fmt.Sprintf(format, args...)}
}

// unless returns a finding's level: OK where it is as it should be, else otherwise.
func unless(right bool, otherwise Level) Level {
	if right {
		return OK
	}
	return otherwise
}

// Service is what was found of one container of a service.
type Service struct {
	// Service is its name in the Compose file.
	Service string `json:"service"`
	// Container is the container's name; empty where there is none.
	Container string `json:"container,omitempty"`
	// Asked is the user that was asked for, and by whom.
	Asked string `json:"asked,omitempty"`
	// Checks are the findings.
	Checks []Finding `json:"checks"`
}

// Report is the answer of "mage verify".
type Report struct {
	// Project is the Compose project's name.
	Project string `json:"project"`
	// Result is Fail where there is any failure, else OK.
	Result Level `json:"result"`
	// Failures and Warnings count findings, those of the control included.
	Failures int `json:"failures"`
	Warnings int `json:"warnings"`
	// Seconds is how long it took.
	Seconds float64 `json:"seconds"`
	// Services are the containers, by service and number.
	Services []Service `json:"services"`
	// Control is what the same checks said of a container of root: OK where they found it out.
	Control []Finding `json:"control"`
}

// count fills in the sums.
func (r *Report) count() {
	all := slices.Clone(r.Control)
	for _, s := range r.Services {
		all = append(all, s.Checks...)
	}
	r.Failures, r.Warnings, r.Result = 0, 0, OK
	for _, f := range all {
		switch f.Level {
		case Fail:
			r.Failures++
			r.Result = Fail
		case Warn:
			r.Warnings++
		case OK, Note:
		}
	}
}
