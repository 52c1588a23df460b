package kubectl

import (
	"context"
	"encoding/json"
)

// NodePlatforms returns how many nodes of the cluster have each platform, such as "linux/amd64".
func (k *Kubectl) NodePlatforms(ctx context.Context) (map[string]int, error) {
	var nodes list[object]
	if err := k.get(ctx, &nodes, "default", "nodes"); err != nil {
		return nil, err
	}
	platforms := make(map[string]int)
	for _, n := range nodes.Items {
		var status struct {
			Info struct{ OperatingSystem, Architecture string } `json:"nodeInfo"`
		}
		_ = json.Unmarshal(n.Status, &status) // the API server's own
		if status.Info.Architecture != "" {
			platforms[status.Info.OperatingSystem+"/"+status.Info.Architecture]++
		}
	}
	return platforms, nil
}
