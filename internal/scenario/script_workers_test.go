package scenario_test

import (
	"context"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// engineKey finds a script's own engine among its values.
type engineKey struct{}

// scriptEngine holds it, since values cannot be set later.
type scriptEngine struct{ own *ownEngine }

// memoryOfEngine is what one separation engine needs, as docker-compose.yml has it.
const memoryOfEngine = 6 << 30

// harnessKey finds what all scripts share among a script's values.
type harnessKey struct{}

// cmdWorkers waits until the machine has memory for so many workers that separate at the same time,
// beside those of other scripts, and keeps it until the script ends.
func cmdWorkers(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, args, 1, "workers N")
	n, free := int64(number(ts, args[0])), ts.Value(harnessKey{}).(*harness).engines()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	if err := free.Acquire(ctx, n); err != nil {
		ts.Fatalf("waiting for memory for %d workers: %v; the machine has too little, or another script holds it", n, err)
	}
	ts.Defer(func() { free.Release(n) })
}

// askMemory is how much the engine's machine has; enough for one worker where it does not say.
func askMemory() int64 {
	out, err := exec.Command("docker", "info", "--format", "{{.MemTotal}}").Output()
	if err != nil {
		return memoryOfEngine
	}
	memory, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
	if err != nil {
		return memoryOfEngine
	}
	return memory
}
