package verify

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/im2-audio/im2/nonroot"
)

// A command is one that Compose runs for a service beside what its image starts. It is over when containers are looked at, so what
// the Compose file says of it is checked.
type command struct {
	key, user  string
	privileged bool
	// image is the image of a container of its own; "" for a command in the service's container, or in one of the same image.
	image string
}

func commands(s types.ServiceConfig) []command {
	var all []command
	for _, h := range s.PreStart {
		c := command{key: "pre_start", user: h.User, privileged: h.Privileged}
		if h.Image != s.Image {
			c.image = h.Image
		}
		all = append(all, c)
	}
	add := func(key string, hooks ...types.ServiceHook) {
		for _, h := range hooks {
			all = append(all, command{key: key, user: h.User, privileged: h.Privileged})
		}
	}
	add("post_start", s.PostStart...)
	add("pre_stop", s.PreStop...)
	if s.Develop != nil {
		for _, w := range s.Develop.Watch {
			add("develop.watch", w.Exec)
		}
	}
	// A command without a user and image of its own has the service's, which other checks are about.
	return slices.DeleteFunc(all, func(c command) bool { return !c.privileged && c.image == "" && (c.user == "" || c.user == s.User) })
}

// checkCommands checks what Compose runs beside a service. files is what is known of the service's image.
func (p *prover) checkCommands(ctx context.Context, s types.ServiceConfig, files imageFiles) Finding {
	var bad, unknown []string
	for _, c := range commands(s) {
		what := fmt.Sprintf("%s (user %q)", c.key, c.user)
		if c.image != "" {
			what = fmt.Sprintf("%s (image %s, user %q)", c.key, c.image, c.user)
		}
		if c.privileged {
			bad = append(bad, what+" is privileged")
			continue
		}
		switch uid, _ := p.commandUser(ctx, c, files); {
		case uid == 0:
			bad = append(bad, what+" runs as root")
		case uid < 0:
			unknown = append(unknown, what)
		}
	}
	switch {
	case len(bad) > 0:
		return found(Commands, nonroot.Error, ByConfiguration, "%s; name another user", strings.Join(bad, ", "))
	case len(unknown) > 0:
		return found(Commands, nonroot.Warning, "", "not known which users these are: %s", strings.Join(unknown, ", "))
	}
	return found(Commands, nonroot.OK, ByConfiguration, "none as root")
}

// commandUser returns -1 for what is not known.
func (p *prover) commandUser(ctx context.Context, c command, files imageFiles) (uid, gid int64) {
	if name, _, _ := strings.Cut(c.user, ":"); name == "root" {
		return 0, -1
	}
	if c.image == "" {
		return files.resolve(c.user)
	}
	user := c.user
	if user == "" {
		text, err := p.output(ctx, "image", "inspect", "--format", "{{.Config.User}}", "--", c.image)
		if err != nil {
			return -1, -1
		}
		user = strings.TrimSpace(text)
	}
	return imageFiles{}.resolve(user)
}
