//go:build mage

package main

import (
	"context"

	"github.com/im2-audio/im2/internal/cli"
	"github.com/im2-audio/im2/internal/cli/dev"
)

// Test lints the code and runs every test; with a Docker engine also the real scenarios.
// What needs an engine and finds none says so, and fails under IM2_REQUIRE_DOCKER=1. A table
// at the end has what took the longest.
func Test(ctx context.Context,
	lint *bool, // lint first (default true)
	run *string, // only tests whose names match this pattern
	race *bool, // look for data races meanwhile, where there is a C compiler
	coverage *bool, // count which statements run, in tests and scenarios; too few are an error
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error {
		return dev.Test{Lint: or(lint, true), Run: value(run), Race: value(race), Coverage: value(coverage)}.Do(ctx, t)
	})
}

// Lint runs golangci-lint and compiles the code for macOS and Windows.
func Lint(ctx context.Context) error {
	return cli.Run(ctx, dev.Lint)
}
