package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestEveryJobIsMeasured(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-dir", t.TempDir(), "-jobs=20", "-workers=3", "-waiting=170"}, &out); err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if r.Jobs != 20 || r.Workers != 3 || r.JobsPerSecond <= 0 || len(r.Queued) != 2 || r.Queued[1].Waiting != 170 ||
		r.Queued[0].Waiting != 100 || r.Queued[0].Jobs != 100 || r.Queued[1].Jobs != 170 || r.Queued[1].MicrosecondsPerJob <= 0 {
		t.Errorf("%s", &out)
	}
}

func TestOperationsAreMeasuredWithJobsWaiting(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	if err := run(t.Context(), []string{"-dir", data, "-fill=30"}, &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	for range 2 { // which leave as many waiting
		var out bytes.Buffer
		if err := run(t.Context(), []string{"-dir", data, "-operations=7"}, &out); err != nil {
			t.Fatal(err)
		}
		var o operations
		if err := json.Unmarshal(out.Bytes(), &o); err != nil {
			t.Fatal(err)
		}
		if o.Waiting != 30 || o.ListMilliseconds <= 0 || min(o.PutMicroseconds, o.ClaimMicroseconds, o.HandOnMicroseconds) <= 0 {
			t.Errorf("%s", &out)
		}
	}
}

func TestWhatCannotBeMeasured(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, args := range []string{"", "-dir=" + dir + " -jobs=0", "-dir=" + dir + " -waiting=x", "-dir=" + dir + "/none", "-x"} {
		if err := run(t.Context(), strings.Fields(args), &bytes.Buffer{}); err == nil {
			t.Errorf("%q was measured", args)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := run(ctx, []string{"-dir=" + dir}, &bytes.Buffer{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v; want context.Canceled", err)
	}
}
