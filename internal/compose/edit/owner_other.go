//go:build !unix

package edit

import "io/fs"

// GiveLike does nothing: files here take their owner from the folder.
func GiveLike(string, fs.FileInfo) {}
