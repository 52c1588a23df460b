package engine

import (
	"context"
	"time"
)

// ImageInfo is what is read here of "docker image inspect".
type ImageInfo struct {
	ID           string `json:"Id"`
	RepoTags     []string
	RepoDigests  []string
	Os           string
	Architecture string
	Config       struct {
		User    string
		Env     []string
		OnBuild []string
		Labels  map[string]string
	}
	RootFS  struct{ Layers []string }
	Created time.Time
}

// ContainerInfo is what is read here of "docker inspect": the same in engine 20.10 and later.
type ContainerInfo struct {
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
		Image  string
		User   string
		Labels map[string]string
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

// Images describes images, in the order of their names; those that are not there are left out.
func (c *Client) Images(ctx context.Context, names []string) (all []ImageInfo, err error) {
	err = c.describe(ctx, "image", names, &all)
	return all, err
}

// Describe describes containers, in the order of their IDs; those that are not there are left out.
func (c *Client) Describe(ctx context.Context, ids []string) (all []ContainerInfo, err error) {
	err = c.describe(ctx, "container", ids, &all)
	return all, err
}
