//go:build linux

package pages_test

import (
	"fmt"
	"os"
	"testing"
)

// TestMain runs everything in the module's root folder, where the service is compiled.
func TestMain(m *testing.M) {
	if err := os.Chdir("../../.."); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}
