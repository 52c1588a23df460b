package scenario_test

import (
	"bufio"
	"context"
	"io"
	"os"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/im2-audio/im2/internal/dev/suite"
	"github.com/im2-audio/im2/pipeline/queue"
)

// clusterKey finds a script's own cluster among its values.
type clusterKey struct{}

// scriptCluster holds it, since values cannot be set later.
type scriptCluster struct {
	input io.WriteCloser
	lines *bufio.Scanner
}

// wantsCluster reports whether the tests of many machines are to be run.
func wantsCluster() bool { return os.Getenv(suite.ClusterVar) == "1" }

// cmdLosses waits until N jobs of a data folder have lost their worker, and says how long that took.
func cmdLosses(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, args, 3, "losses DATA N TIMEOUT")
	limit, err := time.ParseDuration(args[2])
	ts.Check(err)
	q, began := queue.New(ts.MkAbs(args[0])), time.Now()
	for lost := 0; lost < number(ts, args[1]); time.Sleep(200 * time.Millisecond) {
		if time.Since(began) > limit {
			ts.Fatalf("after %s, %d jobs have lost their worker", limit, lost)
		}
		lost = 0
		for j, err := range q.Jobs(context.Background()) {
			ts.Check(err)
			if j.Losses > 0 {
				lost++
			}
		}
	}
	ts.Logf("%s jobs were taken from their workers after %.1f s", args[1], time.Since(began).Seconds())
}
