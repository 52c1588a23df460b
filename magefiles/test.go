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
	lint *bool, // lint first (default true)
	run *string, // only tests whose names match this pattern
	race *bool, // find data races, if there is a C compiler
	coverage *bool, // measure coverage; too little is an error
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error {
		return dev.Test{Lint: or(lint, true), Run: value(run), Race: value(race), Coverage: value(coverage)}.Do(ctx, t)
	})
}

// Lint runs golangci-lint and compiles the code for macOS and Windows.
func Lint(ctx context.Context) error {
	return cli.Run(ctx, dev.Lint)
}
