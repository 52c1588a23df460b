package scenario_test

import (
	"fmt"
	"os"
	"testing"
)

// TestMain runs everything in the module's root folder: scripts, pages and targets are there.
func TestMain(m *testing.M) {
	if err := os.Chdir("../.."); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}
