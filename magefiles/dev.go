//go:build mage

package main

import (
	"context"

	"github.com/im2-audio/im2/internal/cli"
	"github.com/im2-audio/im2/internal/cli/dev"
)

// Test lints the code and runs every test; with a Docker engine also the real scenarios.
// Without an engine, tests that need one are skipped, or fail if IM2_REQUIRE_DOCKER=1 is set.
func Test(ctx context.Context,
	lint *bool, // whether to lint first (default true)
	run *string, // only tests whose names match this pattern
	packages *string, // only these packages, with commas, such as ./pipeline/... (default: all)
	race *bool, // find data races, if there is a C compiler
	coverage *bool, // measure coverage; too little is an error
	cluster *bool, // also the tests of many machines, as root: they take hours, the first time also to build
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error {
		return dev.Test{Lint: or(lint, true), Run: value(run), Packages: value(packages), Race: value(race), Coverage: value(coverage), Cluster: value(cluster)}.Do(ctx, t)
	})
}

// Lint runs golangci-lint and compiles the code for macOS and Windows.
func Lint(ctx context.Context) error {
	return cli.Run(ctx, dev.Lint)
}

// Bench measures builds, permissions and separations beside other ways, and the queue.
// The permissions part needs root, the build and engine parts Docker; all parts take about
// forty minutes.
func Bench(ctx context.Context,
	only *string, // parts to measure, with commas: permissions, build, spool, engine (default: all)
	runs *int, // runs of each way in each case (default 5)
	modules *int, // modules to build (default 20)
	moduleFiles *int, // files in each module (default 300)
	files *int, // files in the tree (default 500000)
	folders *int, // folders in the tree (default 10000)
	jobs *int, // jobs that go through all stages (default 5000)
	workers *int, // workers of each stage (default 8)
	waiting *int, // jobs in the longest queue (default 100000)
	seconds *int, // length of the song, in seconds; above 600 without the npm package (default 60)
	dir *string, // work in this folder (default: the project's .im2)
	json *bool, // print the report as JSON
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error {
		return t.Bench(ctx, cli.Bench{
			Only: value(only), Runs: or(runs, 5),
			Files: or(files, 500_000), Folders: or(folders, 10_000),
			Modules: or(modules, 20), ModuleFiles: or(moduleFiles, 300),
			Jobs: or(jobs, 5_000), Workers: or(workers, 8), Waiting: or(waiting, 100_000),
			Seconds: or(seconds, 60), Dir: value(dir), JSON: value(json),
		})
	})
}
