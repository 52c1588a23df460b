package idmap_test

import (
	"testing"

	"github.com/im2-audio/im2/internal/idmap"
)

func TestMaps(t *testing.T) {
	t.Parallel()
	const everything = "         0          0 4294967295\n"
	const remapped = "         0     100000      65536\n     70000       5000          2\n"
	for _, c := range []struct {
		table           string
		inside, outside int64
	}{
		{everything, 0, 0},
		{everything, 1000, 1000},
		{everything, 4294967294, 4294967294},
		{remapped, 0, 100000},
		{remapped, 1000, 101000},
		{remapped, 65535, 165535},
		{remapped, 70001, 5001},
		{"no numbers\n0 0 1\n", 0, 0},
	} {
		m := idmap.Parse(c.table)
		if got := m.Outside(c.inside); got != c.outside {
			t.Errorf("%d in %q is %d outside, want %d", c.inside, c.table, got, c.outside)
		}
		if got := m.Inside(c.outside); got != c.inside {
			t.Errorf("%d outside of %q is %d inside, want %d", c.outside, c.table, got, c.inside)
		}
	}
	for table, id := range map[string]int64{remapped: 65536, everything: 4294967295, "": 1, "no table": 0} {
		if got := idmap.Parse(table).Outside(id); got != idmap.None {
			t.Errorf("%d in %q is %d", id, table, got)
		}
	}
	if got := idmap.Parse(remapped).Inside(1000); got != idmap.None {
		t.Errorf("an ID that is not mapped is %d inside", got)
	}
}
