//go:build mage

package main

import (
	"context"

	"github.com/im2-audio/im2/internal/target"
)

// Bench measures resetting permissions beside the usual recipe and others' ways.
// It makes a tree of files, runs every way in turn, and prints medians, peak memory and how
// many times faster ours is. Needs root, and with the defaults some ten minutes.
func Bench(ctx context.Context,
	permissions *bool, // measure reset-permissions (default true)
	files *int, // number of files in the tree (default 500000)
	folders *int, // number of folders (default 10000)
	runs *int, // how often each way runs in each case (default 5)
	wide *int, // one more case: this many files in one folder (default 0: none)
	dir *string, // make the tree in this folder (default: the project's .im2)
	json *bool, // print the report as JSON
) error {
	return target.Run(ctx, home(), func(ctx context.Context, t target.Target) error {
		return t.Bench(ctx, target.Bench{
			Permissions: or(permissions, true), Files: or(files, 500_000), Folders: or(folders, 10_000), Runs: or(runs, 5),
			Wide: value(wide), Dir: value(dir), JSON: value(json),
		})
	})
}
