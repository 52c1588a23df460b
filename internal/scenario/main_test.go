package scenario_test

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"

	"github.com/im2-audio/im2/internal/dev/thorough"
)

// TestMain runs everything in the module's root folder: scripts, pages and targets are there.
func TestMain(m *testing.M) {
	if err := os.Chdir("../.."); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	flag.Parse()
	// Scenarios wait more than they compute, the less so the more of them run.
	if err := flag.Set("test.parallel", strconv.Itoa(max(thorough.Of(4, 6), runtime.GOMAXPROCS(0)))); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}
