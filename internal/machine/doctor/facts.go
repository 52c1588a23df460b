package doctor

import (
	"slices"
	"strings"
	"time"

	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/machine/doctor/probe"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/term/closest"
)

// The checks. A name must not be a target's, so that "mage doctor NAME" can be told from two
// targets in a row.
const (
	settingsCheck  = "settings"
	composeFile    = "compose-file"
	portsCheck     = "ports"
	engineCheck    = "engine"
	composeCheck   = "compose"
	buildxCheck    = "buildx"
	memoryCheck    = "memory"
	processorCheck = "processor"
	gpuCheck       = "gpu"
	dataCheck      = "data"
	songsCheck     = "songs"
	spaceCheck     = "space"
	modelCheck     = "model"
	probeCheck     = "probe"
	containerCheck = "container"
	mountsCheck    = "mounts"
	clockCheck     = "clock"
	baseCheck      = "base-image"
	buildCheck     = "image-build"
	trustCheck     = "trust"
)

// facts are what checks have found for later ones. Each field is learnt from the one check
// that its comment names, and is there for those that come after that.
type facts struct {
	// project, of compose-file.
	project *project.Project
	// engine, of engine; clock is the difference between the engine's clock and this one.
	engine *engine.Engine
	clock  *offset
	// driver, of buildx, is what its builder is: "docker" is the engine itself.
	driver string
	// program, of probe, is our program for the engine.
	program []byte
	// sight, of container, is what there is to be seen in one.
	sight *probe.Sight
	// inner, of container, is the difference between its clock and this one.
	inner *offset
	// handed, of mounts, is what came of a folder that both sides see.
	handed *handed
}

// offset is how far another clock is from this one. It is 0 where the question took longer
// than the difference.
type offset struct {
	by time.Duration
}

// offsetOf compares another clock's time with the moments before and after it was asked. A time between them
// counts as equal.
func offsetOf(theirs, before, after time.Time) *offset {
	switch {
	case theirs.Before(before):
		return &offset{theirs.Sub(before)}
	case theirs.After(after):
		return &offset{theirs.Sub(after)}
	}
	return &offset{}
}

// The fixes that several checks name.
const (
	fixSetup       = "mage setup"
	fixPermissions = "mage reset-permissions"
	fixCache       = "mage demucs-cache"
)

// The limits of most checks.
const quick, usual, long = 5 * time.Second, 10 * time.Second, 20 * time.Second

// checks are all checks, in the order of the report.
var checks = []check{
	// name, group, about, needs, after, limit, hung, look
	{settingsCheck, "project", "every setting has a value that can be used; who set each", nil, nil, quick, hungFiles, checkSettings},
	{composeFile, "project", "the Compose file can be read", []string{settingsCheck}, nil, quick, hungFiles, checkComposeFile},
	{portsCheck, "project", "the ports that it publishes are free, or this project's own", []string{composeFile}, []string{engineCheck}, quick, hungFiles, checkPorts},
	{engineCheck, "engine", "an engine answers, and is new enough", nil, []string{composeFile}, usual, hungEngine, checkEngine},
	{composeCheck, "engine", "Compose is new enough, and reads the Compose file as the targets do", []string{engineCheck}, []string{composeFile}, usual, hungEngine, checkCompose},
	{buildxCheck, "engine", "Buildx is new enough, and its builder answers", []string{engineCheck}, nil, usual, hungEngine, checkBuildx},
	{memoryCheck, "engine", "the engine has the memory that the workers need", []string{composeFile, engineCheck}, nil, quick, hungEngine, checkMemory},
	{processorCheck, "engine", "the engine's processors have what makes separations fast", []string{engineCheck}, []string{containerCheck}, quick, hungEngine, checkProcessor},
	{gpuCheck, "engine", "which GPUs there are, and whether the engine could give one to a container", []string{engineCheck}, []string{composeFile}, quick, hungFiles, checkGPU},
	{dataCheck, "data", "the folders that the project makes have the right owner and mode", []string{composeFile}, []string{engineCheck, containerCheck}, quick, hungFiles, checkData},
	{songsCheck, "data", "you can put a song into the input folder", []string{composeFile}, []string{engineCheck, probeCheck}, long, hungFiles, checkSongs},
	{spaceCheck, "data", "there is free space, on a suitable file system", []string{composeFile}, []string{engineCheck}, quick, hungFiles, checkSpace},
	{modelCheck, "data", "the model is in its cache, whole", []string{composeFile}, nil, usual, hungFiles, checkModel},
	{probeCheck, "tried out", "a program for containers is compiled and imported into the engine", []string{engineCheck}, nil, 2 * time.Minute, hungEngine, checkProbe},
	{containerCheck, "tried out", "a container runs as the app user, without rights", []string{probeCheck}, []string{composeFile}, long, hungEngine, checkContainer},
	{mountsCheck, "tried out", "a file in a mounted folder has the same owner on both sides, or one that is explained", []string{composeFile, containerCheck}, nil, long, hungEngine, checkMounts},
	{clockCheck, "tried out", "the clocks of this machine, the engine, its containers and the data folder agree", nil, []string{engineCheck, containerCheck, mountsCheck}, quick, hungFiles, checkClock},
	{baseCheck, "tried out", "the base image is available, or can be pulled or made", []string{composeFile, engineCheck}, []string{buildxCheck}, usual, "", checkBase},
	{buildCheck, "tried out", "an image is built and loaded, and runs", []string{buildxCheck, probeCheck}, nil, long, hungEngine, checkBuild},
	{trustCheck, "tried out", "a build gets the certificates unchanged", []string{composeFile, buildCheck}, nil, long, hungEngine, checkTrust},
}

// Names are the names of all checks, in the order of the report.
func Names() []string { return namesOf(checks) }

func namesOf(all []check) []string {
	names := make([]string, 0, len(all))
	for _, c := range all {
		names = append(names, c.name)
	}
	return names
}

// Listed is what there is to say about a check before it is made.
type Listed struct {
	Group string `json:"group"`
	Check string `json:"check"`
	// About says what is tried.
	About string `json:"about"`
}

// List returns all checks, in the order of the report.
func List() []Listed {
	var list []Listed
	for _, c := range checks {
		list = append(list, Listed{c.group, c.name, c.about})
	}
	return list
}

func known(all []check, names []string) error {
	there := namesOf(all)
	for _, name := range names {
		if !slices.Contains(there, name) {
			return exit.Errorf(exit.Unusable, "there is no check %q; there are: %s%s", name, strings.Join(there, ", "), closest.Hint(name, there))
		}
	}
	return nil
}

// closure returns the checks of these names with all that come before them, in the order of all; no names mean
// all.
func closure(all []check, names []string) []check {
	if len(names) == 0 {
		return all
	}
	wanted := slices.Clone(names)
	for i := 0; i < len(wanted); i++ { // it grows
		for _, c := range all {
			if c.name == wanted[i] {
				wanted = append(wanted, slices.DeleteFunc(c.before(), func(name string) bool { return slices.Contains(wanted, name) })...)
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(c check) bool { return !slices.Contains(wanted, c.name) })
}
