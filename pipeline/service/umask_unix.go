//go:build unix

package service

import "golang.org/x/sys/unix"

// sharedUmask lets everyone read what the pipeline makes, and only its user change it.
const sharedUmask = 0o022

// setUmask makes new files 644 and folders 755, also those of child processes.
func setUmask() { unix.Umask(sharedUmask) }
