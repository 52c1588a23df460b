package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// serve runs a cluster of so many nodes until input or ctx ends.
func serve(ctx context.Context, checkout string, nodes int, input io.Reader, out io.Writer) (err error) {
	if os.Geteuid() != 0 {
		return errors.New("namespaces of one's own take root")
	}
	folder, err := os.MkdirTemp("", "clustertest")
	if err != nil {
		return err
	}
	c := &cluster{folder: folder}
	defer func() { err = errors.Join(err, c.stop()) }()
	if c.checkout, err = filepath.Abs(checkout); err != nil {
		return err
	}
	if err := c.start(ctx, nodes); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(out, "KUBECONFIG=%s\nOUTSIDER=%s\nKUBECTL=%s\nREGISTRY=%s\nLOGS=%s\n",
		c.config("admin"), c.config("outsider"), filepath.Join(c.programs, "kubectl"), c.registry, folder); err != nil {
		return err
	}
	return c.obey(ctx, input, out)
}

// obey does what the lines say, until there are no more or ctx ends.
func (c *cluster) obey(ctx context.Context, input io.Reader, out io.Writer) error {
	lines := make(chan string)
	go func() {
		defer close(lines)
		for scanner := bufio.NewScanner(input); scanner.Scan(); {
			lines <- scanner.Text()
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case line, more := <-lines:
			if !more {
				return nil
			}
			answer := "ok"
			if err := c.do(ctx, line); err != nil {
				answer = err.Error()
			}
			if _, err := fmt.Fprintln(out, answer); err != nil {
				return err
			}
		}
	}
}

func (c *cluster) do(ctx context.Context, line string) error {
	var word string
	var n int
	if _, err := fmt.Sscan(line, &word, &n); err != nil || n < 1 || n > len(c.nodes) || word != "cut" && word != "heal" {
		return fmt.Errorf("unknown line %q: cut N, heal N", line)
	}
	cut := word == "cut"
	return errors.Join(c.connect(ctx, n, !cut), c.freeze(c.nodes[n-1], cut))
}
