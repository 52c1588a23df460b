//go:build unix

package spool

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/queue" // This test alone: that both sides mean the same by job.json can be seen only with both.
)

// filled sets every field of a struct, and of those in it, to something that is not zero.
func filled(t *testing.T, v reflect.Value) {
	t.Helper()
	for i := range v.NumField() {
		switch f := v.Field(i); f.Interface().(type) {
		case time.Time:
			f.Set(reflect.ValueOf(time.Date(2026, 11, 23, 11, 30, i, 1000, time.UTC)))
		case string, Stage, Phase:
			f.SetString("s" + v.Type().Field(i).Name)
		case []byte:
			f.SetBytes([]byte{byte(i), 0xff})
		case int, int64:
			f.SetInt(int64(i + 1))
		case float64:
			f.SetFloat(float64(i) + 0.5)
		case *float64:
			f.Set(reflect.ValueOf(new(float64(i) + 0.5)))
		case *int:
			f.Set(reflect.ValueOf(new(i)))
		case []string:
			f.Set(reflect.ValueOf([]string{"s" + v.Type().Field(i).Name}))
		case options.Options:
			filled(t, f)
		case []Visit:
			f.Set(reflect.MakeSlice(f.Type(), 1, 1))
			filled(t, f.Index(0))
		default:
			t.Fatalf("the test does not know how to fill %s", v.Type().Field(i).Name)
		}
	}
}

// What the services write, the host reads: each field under the same name, and none besides.
func TestTheHostReadsWhatTheServicesWrite(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ ours, theirs any }{
		"job.json":      {&Record{}, &queue.Record{}},
		"progress.json": {&progress{}, &queue.Progress{}},
	}
	for name, tt := range tests {
		filled(t, reflect.ValueOf(tt.ours).Elem())
		written, err := json.Marshal(tt.ours)
		must(t, err)
		decoder := json.NewDecoder(bytes.NewReader(written))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(tt.theirs); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		again, err := json.Marshal(tt.theirs)
		must(t, err)
		if !bytes.Equal(written, again) {
			t.Errorf("%s:\n%s\nwas read as\n%s", name, written, again)
		}
	}
	var stages []string
	for _, stage := range queue.Stages() {
		stages = append(stages, string(stage))
	}
	for i, stage := range Stages() {
		if stages[i] != string(stage) {
			t.Errorf("stages: %v and %v", Stages(), stages)
		}
	}
}
