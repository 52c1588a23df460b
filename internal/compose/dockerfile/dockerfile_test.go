package dockerfile_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/compose/dockerfile"
)

func parse(t *testing.T, text string) *dockerfile.File {
	t.Helper()
	f, err := dockerfile.Parse("Dockerfile", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestWhatABuildReaches(t *testing.T) { //nolint:funlen // a table of cases
	t.Parallel()
	cases := []struct {
		name, text string
		build      dockerfile.Build
		// want is "stages chain base images remote", as printed by show.
		want string
	}{
		{"one stage", "FROM debian:trixie\n", dockerfile.Build{}, "[0] [0] debian:trixie [debian:trixie] []"},
		{"scratch", "FROM scratch\nCOPY a /\n", dockerfile.Build{}, "[0] [0] scratch [] []"},
		{
			"an argument with a default", "ARG BASE=debian\nFROM ${BASE}:1\n",
			dockerfile.Build{},
			"[0] [0] debian:1 [debian:1] []",
		},
		{
			"an argument that is given", "ARG BASE=debian\nFROM ${BASE}:1\n",
			dockerfile.Build{Args: map[string]string{"BASE": "alpine"}},
			"[0] [0] alpine:1 [alpine:1] []",
		},
		{
			"an argument that is not declared counts for nothing", "FROM a${BASE}\n",
			dockerfile.Build{Args: map[string]string{"BASE": "x"}},
			"[0] [0] a [a] []",
		},
		{
			"only what the last stage reads", "FROM a AS one\nFROM b AS two\nFROM c\nCOPY --from=one /x /x\n",
			dockerfile.Build{},
			"[0 2] [2] c [a c] []",
		},
		{
			"a target, in other letters", "FROM a AS one\nFROM b AS two\n",
			dockerfile.Build{Target: "ONE"},
			"[0] [0] a [a] []",
		},
		{
			"the last target of a name", "FROM a AS one\nFROM b AS one\nFROM c\n",
			dockerfile.Build{Target: "one"},
			"[1] [1] b [b] []",
		},
		{"a target by number", "FROM a\nFROM b\n", dockerfile.Build{Target: "0"}, "[0] [0] a [a] []"},
		{
			"a chain of stages", "FROM a AS one\nFROM one AS two\nFROM two\n",
			dockerfile.Build{},
			"[0 1 2] [0 1 2] a [a] []",
		},
		{
			"copies and mounts of images", "FROM a\nCOPY --from=b:1 /x /x\nRUN --mount=type=bind,from=c,target=/c true\nCOPY --from=0 /y /y\n",
			dockerfile.Build{},
			"[0] [0] a [a b:1 c] []",
		},
		{
			"a name that comes later is an image", "FROM later\nFROM b AS later\n",
			dockerfile.Build{Target: "0"},
			"[0] [0] later [later] []",
		},
		{
			"a chosen engine", "ARG E=x\nFROM a AS engine-x\nFROM b AS engine-y\nFROM engine-${E}\n",
			dockerfile.Build{Args: map[string]string{"E": "y"}},
			"[1 2] [1 2] b [b] []",
		},
		{
			"named contexts", "FROM a AS one\nFROM base\nCOPY --from=other /x /x\n",
			dockerfile.Build{Contexts: []string{"base", "other"}},
			"[1] [1] base [] []",
		},
		{
			"named contexts in other words", "FROM base:latest AS one\nFROM docker.io/library/base\nCOPY --from=one /x /x\nCOPY --from=base:2 /x /x\n",
			dockerfile.Build{Contexts: []string{"base"}},
			"[0 1] [1] docker.io/library/base [base:2] []",
		},
		{
			"addresses without a checksum",
			"FROM a\nARG V=1\nADD https://x.test/$V.tar /\nADD --checksum=sha256:24454f830cdb571e2c4ad15481119c43b3cafd48dd869a9b2945d1036d1dc68d https://x.test/2 /\nADD file.tar /\n",
			dockerfile.Build{},
			"[0] [0] a [a] [https://x.test/1.tar]",
		},
		{
			"the platform", "FROM a-${TARGETARCH}\n",
			dockerfile.Build{Platform: "linux/arm64"},
			"[0] [0] a-arm64 [a-arm64] []",
		},
		{"two stages that read each other", "FROM a AS one\nCOPY --from=two /x /x\nFROM one AS two\n", dockerfile.Build{}, "[0 1] [0 1] a [a] []"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, err := parse(t, c.text).Resolve(c.build)
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(r.Stages, " ", r.Chain, " ", r.Base, " ", r.Images, " ", r.Remote); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestWhatIsReadOfTheContext(t *testing.T) {
	t.Parallel()
	onBuild := func(string) (dockerfile.Image, bool) {
		return dockerfile.Image{OnBuild: []string{"COPY . /x"}}, true
	}
	cases := []struct {
		name, text string
		image      func(string) (dockerfile.Image, bool)
		want       string
	}{
		{"nothing", "FROM a\nRUN true\n", nil, "[]"},
		{"all", "FROM a\nCOPY . /x\n", nil, "[.]"},
		{"all, spelt from the top", "FROM a\nCOPY / /x\n", nil, "[.]"},
		{"some, with a wildcard and a variable", "FROM a\nARG D=d\nCOPY --chown=1 b/ ./c*.txt ${D}/e /x/\n", nil, "[b c*.txt d/e]"},
		{"archives and addresses", "FROM a\nADD a.tar https://x.test/b /x/\n", nil, "[a.tar]"},
		{"other stages and images are not it", "FROM a AS one\nCOPY o /\nFROM b\nCOPY --from=c d /\n", nil, "[]"},
		{"a stage that is copied from", "FROM a AS one\nCOPY o /\nFROM b\nCOPY --from=one d /\n", nil, "[o]"},
		{"mounts", "FROM a\nRUN --mount=type=bind,source=m,target=/m --mount=type=cache,target=/c true\n", nil, "[m]"},
		{"a mount of all", "FROM a\nRUN --mount=target=/m true\n", nil, "[.]"},
		{"above the top", "FROM a\nCOPY ../b ./../../c/ /x/\n", nil, "[b c]"},
		{"repositories", "FROM a\nADD git@x.test:r.git me@x.test:r a@b /x/\n", nil, "[a@b]"},
		{"what the base image's triggers read", "FROM a\nCOPY b /\n", onBuild, "[. b]"},
		{"what a stage's triggers read", "FROM a AS one\nONBUILD COPY o /\nFROM one\nCOPY b /\n", nil, "[b o]"},
		{"what triggers read, for the next stage alone", "FROM a AS one\nONBUILD ENV D=o\nFROM one AS two\nFROM two\nCOPY ${D} /\n", nil, "[o]"},
		{"triggers of a stage that nothing is built on", "FROM a\nONBUILD COPY o /\n", nil, "[]"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, err := parse(t, c.text).Resolve(dockerfile.Build{Image: c.image})
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(r.Sources); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestTriggersReachOtherImages(t *testing.T) {
	t.Parallel()
	image := func(name string) (dockerfile.Image, bool) {
		return dockerfile.Image{OnBuild: []string{"COPY --from=other /a /b", "ADD https://x.test/y /"}}, name == "base"
	}
	r, err := parse(t, "FROM base\n").Resolve(dockerfile.Build{Image: image})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(r.Images, r.Remote); got != "[base other] [https://x.test/y]" {
		t.Errorf("got %s", got)
	}
	for _, broken := range []string{"", "RUNN x", "USER 1\nUSER 2"} {
		_, err := parse(t, "FROM base\n").Resolve(dockerfile.Build{Image: func(string) (dockerfile.Image, bool) {
			return dockerfile.Image{OnBuild: []string{broken}}, true
		}})
		if err == nil || !strings.Contains(err.Error(), "ONBUILD "+broken) {
			t.Errorf("%q: got %v", broken, err)
		}
	}
}

func TestPlatforms(t *testing.T) {
	t.Parallel()
	const text = "FROM a-$TARGETARCH-$BUILDARCH\nARG TARGETPLATFORM\nARG TARGETVARIANT\nARG BUILDPLATFORM\nCOPY $TARGETPLATFORM:$TARGETVARIANT:$BUILDPLATFORM /\n"
	cases := []struct{ platform, host, want string }{
		{"linux/amd64", "", "[a-amd64-amd64] [linux/amd64::linux/amd64]"},
		{"linux/arm/v7", "linux/amd64", "[a-arm-amd64] [linux/arm/v7:v7:linux/amd64]"},
	}
	for _, c := range cases {
		r, err := parse(t, text).Resolve(dockerfile.Build{Platform: c.platform, Host: c.host})
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(r.Images, r.Sources); got != c.want {
			t.Errorf("%s on %s: got %s, want %s", c.platform, c.host, got, c.want)
		}
	}
}

func TestWhoARunIs(t *testing.T) {
	t.Parallel()
	images := func(name string) (dockerfile.Image, bool) {
		switch name {
		case "app":
			return dockerfile.Image{User: "7:8", Env: []string{"WHO=9"}}, true
		case "root":
			return dockerfile.Image{}, true
		case "triggers":
			return dockerfile.Image{OnBuild: []string{"USER 5"}}, true
		case "onbuild":
			return dockerfile.Image{User: "5", OnBuild: []string{"USER 6"}}, true
		}
		return dockerfile.Image{}, false
	}
	ids := map[string]string{"USER_ID": "1", "GROUP_ID": "2"}
	cases := []struct {
		name, text string
		args       map[string]string
		user       string
		known      bool
	}{
		{"arguments", "FROM root\nARG USER_ID\nARG GROUP_ID=5\nUSER ${USER_ID}:${GROUP_ID:?x}\n", ids, "1:2", true},
		{"arguments that are not declared", "FROM root\nUSER ${USER_ID}:${GROUP_ID}\n", ids, ":", true},
		{"a default", "FROM root\nARG USER_ID=5\nUSER ${USER_ID}\n", nil, "5", true},
		{"an argument of the top, declared again", "ARG USER_ID=5\nFROM root\nARG USER_ID\nUSER ${USER_ID}\n", nil, "5", true},
		{"an argument of the top alone", "ARG USER_ID=5\nFROM root\nUSER x${USER_ID}\n", nil, "x", true},
		{"the last of several", "FROM root\nUSER 1\nUSER 0\n", nil, "0", true},
		{"in a builder only", "FROM root AS b\nUSER 1\nFROM root\n", nil, "", true},
		{"from a stage before, with its arguments", "FROM root AS b\nARG USER_ID\nUSER 3\nFROM b\nUSER ${USER_ID}\n", ids, "1", true},
		{"the base image's", "FROM app\n", nil, "7:8", true},
		{"the base image's trigger's", "FROM onbuild\n", nil, "6", true},
		{"a trigger's of a stage", "FROM root AS b\nONBUILD ARG WHO=4\nONBUILD USER $WHO\nFROM b\n", nil, "4", true},
		{"a variable of the base image", "FROM app\nUSER ${WHO}\n", nil, "9", true},
		{"a variable over an argument", "FROM root\nARG X=1\nENV X=2\nUSER $X\n", nil, "2", true},
		{"a base that is not here", "FROM elsewhere\n", nil, "", false},
		{"a variable that a base that is not here may set", "FROM elsewhere\nUSER root\nUSER $WHO:$WHO\n", nil, ":", false},
		{"the same with a default", "FROM elsewhere\nUSER ${WHO:-5}\n", nil, "5", true},
		{"the same as an argument without a value", "FROM elsewhere\nARG WHO\nUSER $WHO\n", nil, "", true},
		{"the same as an argument of a stage before", "FROM elsewhere AS b\nARG WHO\nFROM b\nUSER $WHO\n", nil, "", true},
		{"a trigger of a stage before", "FROM root AS b\nONBUILD ARG WHO=3\nONBUILD USER $WHO\nFROM b\nRUN true\n", nil, "3", true},
		{"a trigger counts only once", "FROM root AS b\nONBUILD USER 3\nFROM b AS c\nUSER 0\nFROM c\n", nil, "0", true},
		{"a trigger counts only for others", "FROM root\nONBUILD USER 3\n", nil, "", true},
		{"a trigger of the base image", "FROM triggers\n", nil, "5", true},
		{"a variable that only the base can have set", "FROM elsewhere\nUSER ${WHO:?x}\n", nil, "", false},
		{"no base", "FROM scratch\n", nil, "", true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, err := parse(t, c.text).Resolve(dockerfile.Build{Args: c.args, Image: images})
			if err != nil {
				t.Fatal(err)
			}
			if r.User != c.user || r.KnownUser != c.known {
				t.Errorf("got %q, %v; want %q, %v", r.User, r.KnownUser, c.user, c.known)
			}
		})
	}
}

func TestWhatBuildKitWouldRefuse(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, text, target, want string }{
		{"an unknown instruction", "FROM a\n  RUNN x\n", "", "Dockerfile:2:3: unknown instruction: RUNN"},
		{"no FROM", "# nothing\nARG X\n", "", "Dockerfile: no FROM"},
		{"nothing", "", "", "Dockerfile: "},
		{"an instruction before FROM", "RUN x\nFROM a\n", "", "Dockerfile:1:1: "},
		{"a FROM that is empty after expansion", "ARG BASE\nFROM ${BASE}\n", "", "Dockerfile:2:1: FROM ${BASE} is empty after expansion"},
		{"a value that must be set", "FROM scratch\nUSER ${UID:?set it}\n", "", "Dockerfile:2:1: "},
		{"an unknown target", "FROM a AS one\n", "two", `no stage "two"; there are: one`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f, err := dockerfile.Parse("Dockerfile", []byte(c.text))
			if err == nil {
				_, err = f.Resolve(dockerfile.Build{Target: c.target})
			}
			var syntax *dockerfile.SyntaxError
			if !errors.As(err, &syntax) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
