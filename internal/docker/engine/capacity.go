package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"

	"github.com/im2-audio/im2/internal/exit"
)

// Capacity is what the engine's machine has for all containers together: that of a virtual
// machine where the engine runs in one, not of the computer around it.
type Capacity struct {
	// Memory is in bytes, without swap.
	Memory int64 `json:"MemTotal"`
	// CPUs is how many processors containers may use.
	CPUs int `json:"NCPU"`
}

// Local is what this machine has, as an engine on it would say; the zero value where that is not known.
func Local() Capacity {
	text, _ := os.ReadFile("/proc/meminfo") // on Linux
	var kilobytes int64
	if n, _ := fmt.Sscanf(string(text), "MemTotal: %d kB", &kilobytes); n != 1 {
		return Capacity{}
	}
	return Capacity{Memory: kilobytes << 10, CPUs: runtime.NumCPU()}
}

// Capacity asks the engine. If it does not answer, the error is the one that Find returns.
func (c *Client) Capacity(ctx context.Context) (Capacity, error) {
	var has Capacity
	if c.socket == nil || c.socket.get(ctx, "/info", &has) != nil {
		out, err := c.ask(ctx, "info", "--format", "{{json .}}")
		if err == nil {
			err = json.Unmarshal(out, &has)
		}
		if err != nil {
			return Capacity{}, fmt.Errorf("asking the engine how much memory it has: %w", err)
		}
	}
	if has.Memory <= 0 {
		return Capacity{}, c.Diagnose(ctx, exit.Errorf(exit.Failed, "asking the engine how much memory it has: it gave no answer to that"))
	}
	return has, nil
}
