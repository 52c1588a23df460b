// Package house_test holds the whole project to its rules, such as which package may import which.
package house_test

import (
	"fmt"
	"os"
	"testing"
)

// TestMain runs everything in the module's root folder: the rules are about all of it.
func TestMain(m *testing.M) {
	if err := os.Chdir("../../.."); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}
