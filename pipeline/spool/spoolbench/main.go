// Command spoolbench measures the spool without an engine: what handing jobs on costs. "mage
// bench" runs it, since the targets and the services know each other only through files.
//
//	spoolbench -dir FOLDER [-jobs N] [-workers N] [-queued 100,1000,...]
//
// It makes data folders in FOLDER, which the caller removes, and prints one JSON object.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:forbidigo // a main package may
	}
}

// options are what is asked for.
type options struct {
	dir           string
	jobs, workers int
	queued        []int
}

func run(ctx context.Context, args []string, out io.Writer) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	r, err := measure(ctx, o)
	if err != nil {
		return fmt.Errorf("measuring the spool: %w", err)
	}
	return json.NewEncoder(out).Encode(r)
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("spoolbench", flag.ContinueOnError)
	flags.StringVar(&o.dir, "dir", "", "a folder to work in, which is left as it is")
	flags.IntVar(&o.jobs, "jobs", 5000, "how many jobs go through all stages")
	flags.IntVar(&o.workers, "workers", 8, "how many workers each stage has")
	queued := flags.String("queued", "100,1000,10000,100000", "with how many jobs waiting a job is measured")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	for text := range strings.SplitSeq(*queued, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return o, fmt.Errorf("-queued %q: it must be numbers above zero with commas between them", *queued)
		}
		o.queued = append(o.queued, n)
	}
	if o.dir == "" || o.jobs < 1 || o.workers < 1 {
		return o, errors.New("-dir must name a folder, -jobs and -workers be above zero")
	}
	return o, nil
}
