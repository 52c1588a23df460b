//go:build !unix

package server

import "os"

// mkfifo makes what is no file, either.
func mkfifo(path string, mode uint32) error { return os.Mkdir(path, os.FileMode(mode)) }
