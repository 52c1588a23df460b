//go:build unix

package server

import "syscall"

var mkfifo = syscall.Mkfifo
