package permissions

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/permissions/message"
	"github.com/im2-audio/im2/ownership"
)

// view is how a container sees owners.
type view struct {
	// userns is the value of docker's --userns; "" for the engine's default.
	userns string
	// owner is the owner in that view.
	owner ownership.Owner
}

// view returns the view in which a container can set owner on everything. Usually, and on a rootless engine,
// that is the view of the services. With userns-remap, files of users that the engine does not map, such as
// whoever copied a song into the folder, would belong to nobody there, and the container could not change them.
// There the container gets the machine's view, and the owner is the mapped one.
func (r *Resetter) view(ctx context.Context, e *engine.Engine, owner ownership.Owner) (view, error) {
	if e.Server.Remapped() != engine.UsernsRemapped {
		return view{owner: owner}, nil
	}
	here, err := r.outside(ctx, e, owner)
	if err != nil {
		return view{}, err
	}
	r.note("the engine is userns-remapped: its %s is this machine's %s", owner, here)
	return view{userns: "host", owner: here}, nil
}

// outside is an owner in the services' containers as this machine sees it; exit.Unusable where the engine maps no such user.
func (r *Resetter) outside(ctx context.Context, e *engine.Engine, owner ownership.Owner) (ownership.Owner, error) {
	var ids *message.IDMaps
	err := r.contain(ctx, e, task{image: ownImage, user: "0:0", args: []string{"-maps"}}, func(m message.Message) { ids = m.IDs })
	if err == nil && ids == nil {
		err = errors.New("the container did not say")
	}
	if err != nil {
		return ownership.Owner{}, fmt.Errorf("asking which IDs the engine maps: %w", err)
	}
	here, known := ids.Outside(owner)
	if !known {
		return ownership.Owner{}, exit.Errorf(exit.Unusable, "the engine maps no user %s (%s), so no service can run as that: choose smaller IDs, or map more in /etc/subuid and /etc/subgid",
			owner, strings.Join(strings.Fields(ids.UID), " "))
	}
	return here, nil
}

// unknown is the error for an owner that a rootless engine does not map, after something failed that may be for that
// reason; nil for any other. The kernel only calls such an ID invalid.
func (r *Resetter) unknown(ctx context.Context, e *engine.Engine, owner ownership.Owner) error {
	var coded *exit.Error
	if e.Server.Remapped() != engine.Rootless {
		return nil
	}
	if _, err := r.outside(ctx, e, owner); errors.As(err, &coded) && coded.Code == exit.Unusable {
		return err
	}
	return nil
}
