//go:build !unix

package main

import "os/exec"

func isolate(*exec.Cmd) {}

func killed(*exec.ExitError) bool { return false }

func crashed(*exec.ExitError) bool { return false }

func bytesRead(int) int64 { return -1 }
