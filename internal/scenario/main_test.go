package scenario_test

import (
	"flag"
	"fmt"
	"os"
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
	if thorough.Of(1, 0) == 0 { // without engines, scenarios wait more than they compute
		if err := flag.Set("test.parallel", "6"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}
