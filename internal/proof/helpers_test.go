package proof

import "github.com/compose-spec/compose-go/v2/types"

// noServices is a Compose file without any.
func noServices() *types.Project { return &types.Project{Name: "x"} }
