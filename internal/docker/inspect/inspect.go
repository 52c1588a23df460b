// Package inspect is what is read of what "docker inspect" says: the same in engine 20.10 and later.
package inspect

import "time"

// Image is what is read of an image.
type Image struct {
	ID           string `json:"Id"`
	RepoTags     []string
	RepoDigests  []string
	Os           string
	Architecture string
	Config       struct {
		User       string
		Env        []string
		OnBuild    []string
		Entrypoint []string
		Cmd        []string
		Labels     map[string]string
		// Healthcheck is nil where the image has none. Durations that are 0 are the engine's own.
		Healthcheck *struct {
			Test                                          []string
			Interval, Timeout, StartPeriod, StartInterval time.Duration
			Retries                                       int
		}
	}
	RootFS  struct{ Layers []string }
	Created time.Time
}

// Container is what is read of a container.
type Container struct {
	ID           string `json:"Id"`
	Name         string
	Image        string // the image's ID
	RestartCount int
	State        struct {
		Status    string
		Running   bool
		Pid       int
		ExitCode  int
		StartedAt time.Time
		Health    *struct {
			Status string
			Log    []struct{ Output string }
		}
	}
	Config struct {
		Hostname string
		Image    string
		User     string
		Labels   map[string]string
	}
	HostConfig struct {
		Privileged                                      bool
		ReadonlyRootfs                                  bool
		CapAdd, CapDrop, GroupAdd, SecurityOpt          []string
		PidMode, IpcMode, NetworkMode, UTSMode, Runtime string
		UsernsMode                                      string
		Devices                                         []struct{ PathOnHost, PathInContainer string }
		DeviceRequests                                  []struct{ Driver string }
		DeviceCgroupRules                               []string
		// Memory is in bytes; 0 for no limit, and PidsLimit is nil, 0 or -1 for none.
		Memory    int64
		PidsLimit *int64
	}
	Mounts          []Mount
	NetworkSettings struct {
		Networks map[string]struct{ NetworkID string }
	}
}

// Mount is one mount of a container.
type Mount struct {
	Type        string
	Name        string
	Source      string
	Destination string
	RW          bool
	// Resolved is for who follows the links of Source.
	Resolved string `json:"-"`
}
