// Command im2-helper is package helper as a program: called by one of its names, or with the name as the
// first argument.
package main

import (
	"fmt"
	"os"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/helper"
)

func main() {
	code, known := helper.Main(os.Args)
	if !known && len(os.Args) > 1 {
		code, known = helper.Main(os.Args[1:])
	}
	if !known {
		_, _ = fmt.Fprintf(os.Stderr, "usage: im2-helper %s|%s|%s|%s ARGUMENT...\n", helper.Put, helper.Reset, helper.Verify, helper.Doctor)
		code = int(exit.Unusable)
	}
	os.Exit(code)
}
