package doctor

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize/english"

	"github.com/im2-audio/im2/internal/build/image"
	"github.com/im2-audio/im2/internal/docker/tools"
	"github.com/im2-audio/im2/internal/machine/doctor/probe"
	"github.com/im2-audio/im2/internal/machine/setup"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/run"
)

// resultPath is the file into which a build writes what it was told, and bundlePlace where builds find the
// certificates: where this project's Dockerfiles mount them.
const (
	resultPath  = "/said"
	bundlePlace = "/etc/ssl/certs/ca-certificates.crt"
)

// The Dockerfiles need no frontend of a registry and nothing that the BuildKit of Docker
// Engine 20.10 does not know: no "# syntax", no here-documents, no named contexts. They start from
// nothing, so that no base image is needed either.
const (
	buildFile = "FROM scratch\nCOPY " + probe.Name + " /" + probe.Name + "\nARG " + probe.Variable + "\n" +
		`RUN ["/` + probe.Name + `", "keep", "` + resultPath + `"]` + "\n" + `ENTRYPOINT ["/` + probe.Name + `"]` + "\n"
	trustFile = "FROM scratch\nCOPY " + probe.Name + " /" + probe.Name + "\nARG " + probe.Variable + "\nARG IM2_DOCTOR_RUN\n" +
		"RUN --mount=type=secret,id=ca,target=" + bundlePlace + ` ["/` + probe.Name + `", "same", "` + bundlePlace + `"]` + "\n"
)

func checkBuild(ctx context.Context, d *Doctor, f *facts) answer {
	start := time.Now()
	if text := d.build(ctx, f, buildFile, "--load", "--tag", d.builtImage(), "--label", label+"="+d.run, "--build-arg", probe.Variable+"="+d.run); text != "" {
		return failed(fixBuild(text), "building an image of one file failed: %s", text)
	}
	out, err := f.engine.Output(ctx, f.engine.Command(d.start("built", appUser(f).String(), d.builtImage(), "tell", resultPath)...))
	if err != nil {
		return failed("docker buildx use default", "the built image is not in the engine: %s", said(err))
	}
	if string(out) != d.run {
		return failed("docker builder prune", "the image that was built says %q, not %q", out, d.run)
	}
	return ok("built, loaded and run in %.1f s", time.Since(start).Seconds())
}

// build builds a Dockerfile with our program as its context, and returns what went wrong; "" if nothing did. The
// context is an archive on standard input, so nothing is written on this machine.
func (d *Doctor) build(ctx context.Context, f *facts, dockerfile string, args ...string) string {
	archive, err := tools.Pack(map[string][]byte{"Dockerfile": []byte(dockerfile), probe.Name: f.program})
	if err != nil {
		return cause(err)
	}
	e := f.engine.WithEnv("BUILDX_NO_DEFAULT_ATTESTATIONS=1", "BUILDX_GIT_INFO=false")
	c := e.BuildxCommand(d.Root, append(append([]string{"build", "--progress", "plain"}, args...), "-")...)
	c.Stdin = archive
	if out, err := e.Combined(ctx, c); err != nil {
		return complaint(out, err)
	}
	return ""
}

func fixBuild(complaint string) string {
	switch {
	case strings.Contains(complaint, "no space left"):
		return "docker builder prune"
	case strings.Contains(complaint, "network"), strings.Contains(complaint, "iptables"):
		return hungEngine // its bridge or its rules are gone, as after a firewall's restart
	}
	return "docker buildx inspect --bootstrap"
}

// complaint returns what matters of a failed build's output: our program's error, or BuildKit's last line.
func complaint(out []byte, err error) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	for _, line := range lines {
		if _, ours, found := strings.Cut(line, probe.Name+": "); found {
			return oneLine(ours)
		}
	}
	if last := strings.TrimPrefix(lines[len(lines)-1], "ERROR: "); last != "" {
		return oneLine(last)
	}
	return cause(err)
}

func checkTrust(ctx context.Context, d *Doctor, f *facts) answer {
	path := image.Bundle(f.project.Root, f.project.Settings)
	if path == "" {
		return ok("no certificates are set (%s is empty)", project.CABundle)
	}
	set := f.project.Settings.Get(project.CABundle)
	fix := fmt.Sprintf("correct %s in %s", project.CABundle, strings.TrimPrefix(set.Where(), "the "))
	if err := image.CheckBundle(f.project.Root, f.project.Settings); err != nil {
		return failed(fix, "%s", cause(err))
	}
	good, old, err := certificates(path, time.Now())
	if err != nil {
		return failed(fix, "%s: %s", path, cause(err))
	}
	if good == 0 {
		return failed(fix, "%s has no certificate that is valid now (%d are not)", path, old)
	}
	digest, err := probe.Digest(path)
	if err != nil {
		return failed(fix, "%s", cause(err))
	}
	if text := d.build(ctx, f, trustFile, "--output", "type=cacheonly", "--build-arg", probe.Variable+"="+digest, "--build-arg", "IM2_DOCTOR_RUN="+d.run,
		"--secret", `id=ca,"src=`+strings.ReplaceAll(path, `"`, `""`)+`"`); text != "" {
		return failed(fixBuild(text), "%s does not arrive in builds: %s", path, text)
	}
	return ok("%s of %s arrive in builds unchanged", english.Plural(good, "valid certificate", ""), path)
}

func certificates(path string, now time.Time) (good, old int, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, 0, err
	}
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return good, old, nil
		}
		if block.Type != "CERTIFICATE" && block.Type != "TRUSTED CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err == nil && now.After(c.NotBefore) && now.Before(c.NotAfter) {
			good++
		} else {
			old++
		}
	}
}

func bases(p *project.Project) []string {
	var names []string
	for _, service := range p.Built() {
		value, asks := p.Compose.Services[service].Build.Args[project.BaseImage]
		switch {
		case !asks:
		case value == nil: // the environment's
			names = append(names, p.Settings.Get(project.BaseImage).Value)
		case *value != "":
			names = append(names, *value)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func checkBase(ctx context.Context, d *Doctor, f *facts) answer {
	names := bases(f.project)
	if len(names) == 0 {
		return ok("no service asks for one with the build argument %s", project.BaseImage)
	}
	a := d.checkForBase(ctx, f, names[0])
	for _, name := range names[1:] {
		a = worse(a, d.checkForBase(ctx, f, name))
	}
	return a
}

func (d *Doctor) checkForBase(ctx context.Context, f *facts, asked string) answer {
	has, err := image.Local(ctx, &f.engine.Client, asked)
	if err != nil {
		return failed(hungEngine, "%s", cause(err))
	}
	if has != "" {
		return assessBase(asked, has, f.driver)
	}
	if c := f.engine.BuildxCommand(d.Root, "imagetools", "inspect", asked); f.engine.Buildx.Path != "" {
		if _, err := f.engine.Output(ctx, c); err == nil {
			return ok("%s is not available locally, but its registry has it: the first build pulls it", asked)
		}
	}
	own, suite, replaceable := image.OwnBase(asked)
	_, noTool := run.Find("mmdebstrap")
	if replaceable && (noTool == nil || setup.ThisHost(os.Getenv).Debian) {
		return warned(fixSetup, "%s is not available locally and no registry has it; %s can be made from Debian's archive (%s)", asked, own, suite)
	}
	return failed("set "+project.BaseImage+" to an image that can be reached", "%s is not available locally, no registry has it, and it cannot be made here", asked)
}

// assessBase assesses an image that the engine has. A builder in a separate container does not see it, and asks a
// registry.
func assessBase(asked, found, driver string) answer {
	text := found + " is available"
	if found != asked {
		text += ", made from Debian's archive in place of " + asked
	}
	if found != asked && driver != "" && driver != "docker" {
		return failed("docker buildx use default", "%s; but the builder's driver is %q, which cannot see the engine's images", text, driver)
	}
	return ok("%s", text)
}
