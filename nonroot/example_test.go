package nonroot_test

import (
	"context"
	"fmt"
	"log"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/im2-audio/im2/nonroot"
	"github.com/im2-audio/im2/nonroot/report"
)

// load makes a project of texts. A program loads one from disk, with package cli of compose-go.
func load(compose, dockerfile string) (*types.Project, nonroot.Options) {
	p, err := loader.LoadWithContext(context.Background(), types.ConfigDetails{
		WorkingDir:  "/shop",
		ConfigFiles: []types.ConfigFile{{Filename: "/shop/compose.yaml", Content: []byte(compose)}},
	}, func(o *loader.Options) { o.SetProjectName("shop", true) })
	if err != nil {
		log.Fatal(err) //nolint:forbidigo // an example
	}
	p.ComposeFiles = []string{"/shop/compose.yaml"} // as package cli does
	return p, nonroot.Options{Files: map[string][]byte{"/shop/compose.yaml": []byte(compose), "/shop/web/Dockerfile": []byte(dockerfile)}}
}

func ExampleAudit() {
	project, options := load("services:\n  web:\n    build: ./web\n", "FROM debian:trixie-slim\nCMD [\"/web\"]\n")
	found, err := nonroot.Audit(context.Background(), project, options)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range found.AtLeast(nonroot.Warning) {
		fmt.Println(f.Where(), f.Level, f.Rule, f.Services)
	}
	fmt.Print(report.Text(found, report.Options{}))
	// Output:
	// web/Dockerfile:1:1 error D01 [web]
	// web/Dockerfile:1:1: error D01: the image runs as root: no USER in the stages that are built, and the base debian:trixie-slim starts as root [web]
	//     1 | FROM debian:trixie-slim
	//       | ^~~~~~~~~~~~~~~~~~~~~~~
	//       = has a safe fix
	// services: 1 root
	// 1 error, 0 warnings and 0 notes in 1 service; 1 error or warning has a safe fix
}

// What is known of images that are not built here makes findings more certain.
func ExampleAudit_images() {
	project, options := load("services:\n  db:\n    image: example/db:1\n", "")
	options.Image = func(name string) (nonroot.Image, bool) {
		return nonroot.Image{User: ""}, name == "example/db:1" // as "docker image inspect" tells
	}
	found, err := nonroot.Audit(context.Background(), project, options)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range found.Findings {
		fmt.Println(f.Level, f.Message)
	}
	// Output: warning db runs as root: its image example/db:1 has no other user, and the service has no "user:"
}

// Fix returns texts and writes nothing.
func ExampleFix() {
	project, options := load("services:\n  web:\n    build: ./web\n    user: \"1000:1000\"\n", "FROM debian:trixie-slim\n")
	changes, err := nonroot.Fix(context.Background(), project, options, nonroot.Note)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range changes {
		fmt.Printf("%s:\n%s", c.Name, c.After)
	}
	// Output:
	// compose.yaml:
	// services:
	//   web:
	//     build: ./web
	//     cap_drop: [ALL]
	//     security_opt: ["no-new-privileges:true"]
	//     user: "1000:1000"
}
