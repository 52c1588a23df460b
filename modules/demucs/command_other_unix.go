//go:build unix && !linux

package main

import "syscall"

// dieWithParent does nothing: only Linux, where the service runs, can do it.
func dieWithParent(*syscall.SysProcAttr) {}

func bytesRead(int) int64 { return -1 }
