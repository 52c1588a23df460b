package space

import (
	"errors"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	t.Parallel()
	const giga = 1 << 30
	for text, want := range map[string]Limit{
		"": Default, "0": {}, "0%": {}, "2g": {Bytes: 2 * giga}, "500M": {Bytes: 500 << 20}, "1024": {Bytes: 1024}, "5%": {Percent: 5}, "2.5%": {Percent: 2.5},
	} {
		if got, err := Parse(text); got != want || err != nil {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"-1", "-1g", "x", "1x", "100%", "-1%", "NaN%", "%", " ", "1e400", "5 %%"} {
		if got, err := Parse(text); err == nil {
			t.Errorf("%q: %+v; want an error", text, got)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	const giga = 1 << 30
	for _, c := range []struct {
		limit Limit
		size  int64
		want  int64
	}{
		{Default, 1000 * giga, giga},
		{Default, 10 * giga, giga / 5},
		{Limit{Bytes: 2 * giga}, giga, 2 * giga},
		{Limit{Percent: 50}, 10 * giga, 5 * giga},
		{Limit{}, giga, 0},
	} {
		if got := c.limit.Of(c.size); got != c.want {
			t.Errorf("%+v of %d = %d; want %d", c.limit, c.size, got, c.want)
		}
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	var none *Disk
	for want, d := range map[string]*Disk{
		"": none,
		"less than the 1.0 GB that PIPELINE_MIN_FREE keeps": {Free: 999_999_999, Least: 1e9, Low: true},
		"has 2.9 GB free: below 1.0 GB":                     {Free: 29e8, Least: 1e9},
	} {
		if got := d.Warning(); got == "" != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%+v: %q; want %q", d, got, want)
		}
	}
	for _, d := range []Disk{{Free: 3e9, Least: 1e9}, {Free: 0, Least: 0}} {
		if got := d.Warning(); got != "" {
			t.Errorf("%+v: %q; want none", d, got)
		}
	}
	if err := (Limit{Bytes: 1 << 62}).Check(t.TempDir()); !errors.Is(err, ErrLow) {
		t.Errorf("Check = %v; want ErrLow", err)
	}
	if err := (Limit{}).Check(t.TempDir()); err != nil {
		t.Errorf("Check without a limit = %v", err)
	}
	if err := (Limit{}).CheckFor(t.TempDir(), 1<<62); !errors.Is(err, ErrLow) || !strings.Contains(err.Error(), "more would leave less") {
		t.Errorf("CheckFor more than there is = %v; want ErrLow", err)
	}
	if err := (Limit{}).CheckFor(t.TempDir(), 1); err != nil {
		t.Errorf("CheckFor one byte = %v", err)
	}
}
