//go:build !unix

package run

import "os/exec"

// Process groups and sessions are Unix's; elsewhere the command alone is killed.
func ownGroup(*exec.Cmd)   {}
func killGroup(*exec.Cmd)  {}
func ownSession(*exec.Cmd) {}
