//go:build !linux

package main

import (
	"context"
	"errors"
	"io"
)

func serve(context.Context, string, int, io.Reader, io.Writer) error {
	return errors.New("a cluster of namespaces needs Linux")
}
