// Package project is the resolved project: its settings (.env.local over .env, the
// environment over both) and its Compose file, read and validated once, as one value.
// Nothing else reads those files, and every tool that is started gets the values that
// were validated here, so that no tool sees other IDs than the ones we checked.
package project

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/pipeline/execution"
	"github.com/im2-audio/im2/pipeline/layout"
	"github.com/im2-audio/im2/pipeline/lease"
	"github.com/im2-audio/im2/pipeline/logging"
	"github.com/im2-audio/im2/pipeline/notify"
	"github.com/im2-audio/im2/pipeline/space"
)

// Project is a folder with a Compose file, resolved.
type Project struct {
	// Root is the project's folder, absolute, links resolved.
	Root string
	// Settings are the values in force and where each comes from.
	Settings Settings
	// Compose is the resolved Compose file.
	Compose *types.Project
	// Declared says that the Compose file has an x-im2 section: that the project follows
	// our conventions, and wants to be held to them.
	Declared bool
	// Data is the absolute path of the data folder, the first of Trees; empty when the project has none.
	Data string
	// Folders are the absolute paths below Data that must exist with the app user as
	// owner before Compose starts, parents first.
	Folders []string
	// Trees are all data folders.
	Trees []Tree
	// Volumes are the named volumes that belong to the app user, by the engine's names.
	Volumes []string
	// GoModules is the absolute path of the folder below which a build context with a
	// main.go is compiled on the host; empty when there is none.
	GoModules string
	// Cluster is what x-im2 says about Kubernetes.
	Cluster Cluster
	// Web is the service with the pages that "mage open" opens; empty in a project without one.
	Web string

	own   extension
	taken []input // the Compose files, and the files that they take in
}

// Tree is a data folder: Data and Folders are as in Project.
type Tree struct {
	Data    string
	Folders []string
}

// Open resolves the project in root. environ is the process environment (os.Environ).
// An error has the exit code Unusable and says what is wrong in which file.
func Open(ctx context.Context, root string, environ []string) (*Project, error) {
	settings, err := ReadSettings(root, environ)
	if err != nil {
		return nil, err
	}
	p, err := read(ctx, settings, reading{
		substitute: template.Substitute, options: []cli.ProjectOptionsFn{cli.WithoutEnvironmentResolution, cli.WithoutLabelsResolution},
	})
	if err != nil {
		return nil, err
	}
	placed := p.placeData()
	if placed == nil {
		err = p.refuseInputs()
	}
	if err != nil {
		return nil, err
	}
	if err := p.resolve(ctx); err != nil {
		return nil, err
	}
	if err := p.Settings.checkIDs(p.Declared); err != nil {
		return nil, err
	}
	return p, placed
}

// Name is the Compose project's name.
func (p *Project) Name() string { return p.Compose.Name }

// Services returns the names of the enabled services in a stable order.
func (p *Project) Services() []string {
	names := p.Compose.ServiceNames()
	slices.Sort(names)
	return names
}

// Built returns the services that have a build section, in a stable order.
func (p *Project) Built() []string {
	var names []string
	for _, name := range p.Services() {
		if p.Compose.Services[name].Build != nil {
			names = append(names, name)
		}
	}
	return names
}

// Image returns the image a service runs: the one it names, or the one Compose would
// give to what it builds.
func (p *Project) Image(service string) string {
	s := p.Compose.Services[service]
	if s.Image != "" {
		return s.Image
	}
	separator := "-"
	switch strings.ToLower(strings.TrimSpace(p.Compose.Environment["COMPOSE_COMPATIBILITY"])) {
	case "1", "t", "true", "y": // Compose's words for it
		separator = "_"
	}
	return p.Name() + separator + service
}

// Rel returns path relative to the project's folder where it is inside of it, for
// messages.
func (p *Project) Rel(path string) string {
	if rel, is := Inside(p.Root, path); is {
		return rel
	}
	return path
}

const (
	// Worker is the service that separates tracks: the one that comes in replicas, and that
	// has a model cache.
	Worker = "demucs"
	// cacheMount is where it mounts that cache, below its home.
	cacheMount = "/.cache/torch"
)

// ModelCache is the folder that the worker mounts as its model cache; empty in a project
// without one.
func (p *Project) ModelCache() string {
	if p.Data == "" {
		return ""
	}
	for _, v := range p.Compose.Services[Worker].Volumes {
		if v.Type == types.VolumeTypeBind && strings.HasSuffix(v.Target, cacheMount) && slices.Contains(p.Folders, v.Source) {
			return v.Source
		}
	}
	return ""
}

// ExecutionSettings are the settings of how a separation is computed.
var ExecutionSettings = []string{DemucsProvider, DemucsMemory, DemucsThreads}

// CheckExecution returns an error where the worker would refuse one of ExecutionSettings; nil for
// any other setting. Its exit code is exit.Unusable.
func (s Setting) CheckExecution() error {
	var err error
	switch s.Name {
	case DemucsProvider:
		err = execution.CheckProvider(s.Value)
	case DemucsMemory:
		err = execution.CheckMemory(s.Value)
	case DemucsThreads:
		_, err = execution.ParseThreads(s.Value)
	}
	if err != nil {
		return exit.Errorf(exit.Unusable, "%s is %q in %s: %w; fix: correct it there, or remove the line", s.Name, s.Value, s.Where(), err)
	}
	return nil
}

// ServiceSettings are those of the services: how they find out that one of them was lost, how they log, what stays free, which
// folders songs get, and who is told.
var ServiceSettings = []string{lease.PollSetting, lease.LeaseSetting, lease.RenewSetting, logging.Setting, space.Setting, layout.Setting, notify.Setting}

// TellsServices reports whether a service of the project is given ServiceSettings: other projects may use the names for
// something else.
func (p *Project) TellsServices() bool {
	for _, service := range p.Compose.Services {
		if _, ok := service.Environment[lease.LeaseSetting]; ok {
			return true
		}
	}
	return false
}

// CheckService returns an error where services would refuse one of ServiceSettings; nil for any other setting. Its exit code
// is exit.Unusable.
func (s Settings) CheckService(name string) error {
	if !slices.Contains(ServiceSettings, name) {
		return nil
	}
	setting, _ := s.inForce(name)
	var d time.Duration
	var err error
	switch name {
	case notify.Setting:
		if err := notify.CheckURL(setting.Value); err != nil { // It may have a secret in it, which is not shown.
			return exit.Errorf(exit.Unusable, "%s in %s: %w; fix: correct it there, or remove the line", setting.Name, setting.Where(), err)
		}
	case layout.Setting:
		err = layout.Check(setting.Value)
	case logging.Setting:
		err = logging.Check(setting.Value)
	case space.Setting:
		_, err = space.Parse(setting.Value)
	default:
		d, err = lease.Parse(setting.Value, time.Second)
	}
	switch {
	case err != nil:
	case name == lease.PollSetting:
		err = lease.CheckPoll(d)
	case name == lease.LeaseSetting:
		var times lease.Times
		renew := s.Get(lease.RenewSetting)
		times.Lease, _ = lease.Parse(setting.Value, lease.Default.Lease)
		if times.Renew, err = lease.Parse(renew.Value, lease.Default.Renew); err != nil {
			return nil //nolint:nilerr // It is that setting that is wrong.
		}
		if err = times.Check(); setting.Value == "" {
			setting = renew
		}
	}
	if err != nil {
		return exit.Errorf(exit.Unusable, "%s is %q in %s: %w; fix: correct it there, or remove the line", setting.Name, setting.Value, setting.Where(), err)
	}
	return nil
}
