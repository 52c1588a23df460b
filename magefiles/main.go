//go:build mage

// A song in, stems out, nothing as root. "mage help TARGET" explains a target of this
// list and its flags; "mage setup up" starts from nothing.
package main

import (
	"context"
	"embed"
	"os"

	"github.com/im2-audio/im2/internal/cli"
)

// sources are the files of this package: help, completion and the answers to typos are read
// from them, so that they cannot be older than the targets.
//
//go:embed completion.go dev.go main.go pipeline.go targets.go
var sources embed.FS

// init answers what was typed wrongly, and what Mage has no words for ("mage help build").
// The main function is Mage's, which runs a line target by target up to the typo; this is the
// only place where a word can be put in before.
func init() { //nolint:gochecknoinits // see above
	if code, answered := cli.Answer(sources, os.Args[1:]); answered {
		os.Exit(code) //nolint:forbidigo // nothing is running yet
	}
}

// Default is what "mage" alone does.
var Default = Help //nolint:gochecknoglobals // how Mage finds it

// Aliases are the hyphenated spellings of targets whose names have two words.
var Aliases = map[string]any{ //nolint:gochecknoglobals // how Mage finds aliases
	"cluster-down":      ClusterDown,
	"cluster-logs":      ClusterLogs,
	"cluster-render":    ClusterRender,
	"cluster-status":    ClusterStatus,
	"cluster-up":        ClusterUp,
	"demucs-cache":      DemucsCache,
	"reset-permissions": ResetPermissions,
}

// value returns what a flag was set to, or the zero value where it was not given.
func value[T any](flag *T) T {
	var zero T
	return or(flag, zero)
}

// or returns what a flag was set to, or its default.
func or[T any](flag *T, otherwise T) T {
	if flag == nil {
		return otherwise
	}
	return *flag
}

// Help shows the targets in groups; "mage help TARGET" explains one and its flags.
func Help(ctx context.Context) error {
	return cli.Run(ctx, func(_ context.Context, t cli.Target) error { return t.Help(sources) })
}
