package verify

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/im2-audio/im2/nonroot"
	"github.com/im2-audio/im2/ownership"
)

// inspector is an engine that has images.
type inspector map[string]string

func (i inspector) Docker(_ context.Context, _ io.Reader, out io.Writer, args ...string) error {
	user, ok := i[args[len(args)-1]]
	if !ok || strings.Join(args[:2], " ") != "image inspect" {
		return errors.New("there is no such image")
	}
	_, err := io.WriteString(out, user+"\n")
	return err
}

func TestCommandsBesideAService(t *testing.T) {
	t.Parallel()
	hooks := func(user string, privileged bool) []types.ServiceHook {
		return []types.ServiceHook{{User: user, Privileged: privileged}}
	}
	before := func(image, user string) types.ServiceConfig {
		return types.ServiceConfig{
			ContainerSpec: types.ContainerSpec{Image: "own", User: "1000:1000"},
			PreStart:      []types.PreStartHook{{ContainerSpec: types.ContainerSpec{Image: image, User: user}}},
		}
	}
	files := imageFiles{Image: "own", Users: "app:x:7:7::/:\nboss:x:0:7::/:\n", Groups: ""}
	for name, c := range map[string]struct {
		service types.ServiceConfig
		want    nonroot.Level
	}{
		"nothing":                          {types.ServiceConfig{}, nonroot.OK},
		"post_start as the service":        {types.ServiceConfig{PostStart: hooks("", false)}, nonroot.OK},
		"post_start as root":               {types.ServiceConfig{PostStart: hooks("root", false)}, nonroot.Error},
		"pre_stop as 0":                    {types.ServiceConfig{PreStop: hooks("0:1000", false)}, nonroot.Error},
		"a name that is root's":            {types.ServiceConfig{PostStart: hooks("boss", false)}, nonroot.Error},
		"a name that is not":               {types.ServiceConfig{PostStart: hooks("app", false)}, nonroot.OK},
		"a name that nobody knows":         {types.ServiceConfig{PostStart: hooks("who", false)}, nonroot.Warning},
		"privileged":                       {types.ServiceConfig{PostStart: hooks("app", true)}, nonroot.Error},
		"develop":                          {types.ServiceConfig{Develop: &types.DevelopConfig{Watch: []types.Trigger{{Exec: hooks("root", false)[0]}}}}, nonroot.Error},
		"pre_start as root":                {before("own", "root"), nonroot.Error},
		"pre_start as its service":         {before("own", "1000:1000"), nonroot.OK},
		"pre_start with an image of root":  {before("rooted", ""), nonroot.Error},
		"pre_start with an image of a UID": {before("good", ""), nonroot.OK},
		"pre_start with an image of a name, which nothing here translates": {before("named", ""), nonroot.Warning},
		"pre_start with an image that is not here":                         {before("gone", ""), nonroot.Warning},
		"pre_start with a root image and a user":                           {before("rooted", "5:5"), nonroot.OK},
	} {
		p := newProver(noServices(), Options{Docker: inspector{"rooted": "", "good": "70:70", "named": "somebody"}})
		if f := p.checkCommands(t.Context(), c.service, files); f.Level != c.want {
			t.Errorf("%s: %+v; want %v", name, f, c.want)
		}
	}
}

// What a command made that has ended is still in the data folder.
func TestOwnersInTheDataFolder(t *testing.T) {
	t.Parallel()
	p := newProver(noServices(), Options{})
	for _, c := range []struct {
		sum  ownership.Summary
		err  error
		want nonroot.Level
	}{
		{ownership.Summary{Seen: 9}, nil, nonroot.OK},
		{ownership.Summary{Seen: 9, OwnersChanged: 1}, nil, nonroot.Note},
		{ownership.Summary{Seen: 9, OwnersChanged: 1}, context.DeadlineExceeded, nonroot.Note},
		{ownership.Summary{Seen: 9}, context.DeadlineExceeded, nonroot.Warning},
		{ownership.Summary{Seen: 9, MoreProblems: 1}, nil, nonroot.Warning},
	} {
		if f := p.checkOwners(p.user(), c.sum, c.err); f.Level != c.want {
			t.Errorf("%+v, %v: %+v", c.sum, c.err, f)
		}
	}
}
