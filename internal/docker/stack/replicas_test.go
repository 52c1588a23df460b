package stack

import (
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/im2-audio/im2/internal/docker/engine"
)

const gib = 1 << 30

func TestThreadsShareTheProcessors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ cpus, containers, want int }{
		{2, 1, 2}, {2, 2, 1}, {8, 3, 2}, {8, 7, 1}, {8, 8, 1}, {4, 9, 1}, {16, 1, 16}, {0, 1, 1}, {4, 0, 4},
	} {
		if got := Threads(engine.Capacity{CPUs: c.cpus}, c.containers); got != c.want {
			t.Errorf("%d processors for %d: %d threads, want %d", c.cpus, c.containers, got, c.want)
		}
	}
}

func TestHowManyContainersThereShouldBe(t *testing.T) {
	three := 3
	reserved, fixed := types.ServiceConfig{Name: "w"}, types.ServiceConfig{Name: "w", Scale: &three}
	reserved.MemReservation, fixed.MemReservation = 6*gib, gib
	oneGB := types.ServiceConfig{Name: "w"}
	oneGB.MemReservation = gib
	cases := []struct {
		name    string
		service types.ServiceConfig
		has     engine.Capacity
		most    int
		fitting int
		tooMany int // the least number that is refused; 0 for none
		fix     string
	}{
		{"memory decides", reserved, engine.Capacity{Memory: 23 * gib, CPUs: 8}, 3, 3, 4, "-replicas=w=3"},
		{"just so much", reserved, engine.Capacity{Memory: 12 * gib, CPUs: 8}, 2, 2, 3, "-replicas=w=2"},
		{"processors decide", reserved, engine.Capacity{Memory: 64 * gib, CPUs: 2}, 10, 2, 11, "-replicas=w=10"},
		{"a laptop with 8 GB", oneGB, engine.Capacity{Memory: 8_100_000_000, CPUs: 4}, 7, 4, 8, "-replicas=w=7"},
		{"one with two processors", oneGB, engine.Capacity{Memory: 8_100_000_000, CPUs: 2}, 7, 2, 8, "-replicas=w=7"},
		{"a small machine", reserved, engine.Capacity{Memory: 4 * gib, CPUs: 4}, 0, 1, 1, "more memory"},
		{"nothing is known", types.ServiceConfig{Name: "w"}, engine.Capacity{Memory: gib, CPUs: 4}, -1, 0, 0, ""},
		{"the file says how many", fixed, engine.Capacity{Memory: 2 * gib, CPUs: 4}, 2, 0, 3, "-replicas=w=2"},
		{"it says so under deploy", types.ServiceConfig{Name: "w", Deploy: &types.DeployConfig{
			Replicas:  &three,
			Resources: types.Resources{Reservations: &types.Resource{MemoryBytes: gib}},
		}}, engine.Capacity{Memory: 2 * gib, CPUs: 4}, 2, 0, 3, "-replicas=w=2"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			need := NeedOf(c.service)
			if got := need.Most(c.has); got != c.most {
				t.Errorf("the most is %d, want %d", got, c.most)
			}
			if got := need.Fitting(c.has); got != c.fitting {
				t.Errorf("fitting are %d, want %d", got, c.fitting)
			}
			if c.tooMany == 0 {
				if err := need.Check(c.has, 100); err != nil {
					t.Error(err)
				}
				return
			}
			if err := need.Check(c.has, c.tooMany-1); err != nil {
				t.Errorf("refused: %v", err)
			}
			err := need.Check(c.has, c.tooMany)
			if err == nil || !strings.Contains(err.Error(), c.fix) {
				t.Errorf("%d of them: %v, want a refusal that says %q", c.tooMany, err, c.fix)
			}
		})
	}
}

func TestWhatCannotBeScaled(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"container_name: one":                    `container_name "one", which only one container can have`,
		`ports: ["8080:80"]`:                     `publishes port 8080, which is enough for 1 container; fix: give the Compose file a range, such as "8000-8002:80"`,
		`ports: ["8080-8081:80"]`:                "8080-8081, which is enough for 2 containers",
		`ports: ["127.0.0.1:8080:80/udp", "80"]`: "publishes port 8080",
		`ports: ["8080-8082:80", "80"]`:          "",
		"expose: [80]":                           "",
	} {
		p, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{ConfigFiles: []types.ConfigFile{
			{Filename: "compose.yml", Content: []byte("name: demo\nservices:\n  web:\n    image: x\n    " + text + "\n")},
		}})
		if err != nil {
			t.Fatal(err)
		}
		if err := Scalable(p.Services["web"], 1); err != nil {
			t.Errorf("%s: one: %v", text, err)
		}
		err = Scalable(p.Services["web"], 3)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
