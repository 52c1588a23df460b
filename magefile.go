//go:build ignore

// The zero-install entry: "go run magefile.go TARGET" needs nothing but Go. The targets
// themselves are in magefiles/. With the mage build tag this file would be a magefile
// of its own, and Mage would warn about the two on every run.
package main

import (
	"os"

	"github.com/im2-audio/im2/internal/launch"
)

func main() { os.Exit(launch.Main(os.Args)) }
