//go:build !unix

package run

import "os/exec"

// Process groups and sessions are Unix's; elsewhere the command alone is killed.
func ownGroup(*exec.Cmd, []string)  {}
func killGroup(*exec.Cmd, []string) {}
func ownSession(*exec.Cmd)          {}
