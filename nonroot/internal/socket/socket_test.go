package socket_test

import (
	"strings"
	"testing"

	"github.com/im2-audio/im2/nonroot/internal/socket"
)

func TestReached(t *testing.T) {
	t.Parallel()
	for want, names := range map[bool]string{
		true: "/ /run /var/run /run/docker.sock /var/run/docker.sock /x/y/podman.sock /run/user /run/user/1000 /var/run/user/1000/ /run/user/1000/docker.sock /run/user/1000/podman " +
			"/run/k3s /run/incus /var/lib/incus /var/lib/lxd/unix.socket /var/snap/lxd /home/me/.docker /home/me/.docker/run /tmp/podman-run-1000 /here/of/mine /here/of/mine/s",
		false: "/run/dockers /run/user/1000/pulse /run/user/1000/docker.sock.bak /run/userx /var/lib/docker /home/me/project /home/me/.docker/config.json /var /var/lib /var/snap /home /home/me /tmp /data data /here/of/yours .",
	} {
		for name := range strings.FieldsSeq(names) {
			if socket.Reached(name, "/here/of/mine/s") != want {
				t.Errorf("%s: got %v", name, !want)
			}
		}
	}
}
