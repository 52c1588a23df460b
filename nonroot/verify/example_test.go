package verify_test

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/im2-audio/im2/nonroot"
	"github.com/im2-audio/im2/nonroot/verify"
)

// idle is an engine that has no containers. Programs leave Options.Docker empty, which is the docker command.
type idle struct{}

func (idle) Docker(context.Context, io.Reader, io.Writer, ...string) error { return nil }

func ExampleRun() {
	project := &types.Project{Name: "shop", WorkingDir: "/shop", Services: types.Services{"web": {Name: "web"}}}
	report, err := verify.Run(context.Background(), project, verify.Options{
		Docker: idle{}, Image: "im2/verify:1", Program: "im2-verify",
		Note: func(text string) { fmt.Println("note:", text) },
	})
	var nothing *verify.NotRunningError
	if errors.As(err, &nothing) {
		fmt.Println("start it first:", nothing.Project)
		return
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range report.Services {
		for _, f := range s.Checks {
			if f.Level >= nonroot.Warning {
				fmt.Printf("%s: %s %s: %q %s\n", s.Service, f.Level, f.Check, f.Detail, f.Remedy)
			}
		}
	}
	// Output: start it first: shop
}

func ExampleRun_oneService() {
	project := &types.Project{Name: "shop", WorkingDir: "/shop", Services: types.Services{"web": {Name: "web"}, "db": {Name: "db"}}}
	_, err := verify.Run(context.Background(), project, verify.Options{Docker: idle{}, Service: "wbe"})
	fmt.Println(err)
	// Output: there is no service "wbe" in shop; there are: db, web
}
