package term

import (
	"encoding/json"
	"errors"
	"iter"
	"testing"
)

func items(n int, end error) iter.Seq2[map[string]string, error] {
	return func(yield func(map[string]string, error) bool) {
		for range n {
			if !yield(map[string]string{"name": "a<b\u009b"}, nil) {
				return
			}
		}
		if end != nil {
			yield(nil, end)
		}
	}
}

func TestAListIsWrittenLikeAWhole(t *testing.T) {
	t.Parallel()
	type rest struct {
		Counts map[string]int `json:"counts"`
		Last   int            `json:"last"`
	}
	for n := range 3 {
		whole := struct {
			Jobs []map[string]string `json:"jobs"`
			rest
		}{[]map[string]string{}, rest{map[string]int{"done": 1}, 2}}
		for item, err := range items(n, nil) {
			if whole.Jobs = append(whole.Jobs, item); err != nil {
				t.Fatal(err)
			}
		}
		ui, want, _ := Test()
		listUI, got, _ := Test()
		if err := errors.Join(ui.JSON(whole), JSONList(listUI, "jobs", items(n, nil), whole.rest)); err != nil {
			t.Fatal(err)
		}
		if got.String() != want.String() || !json.Valid(got.Bytes()) {
			t.Errorf("%d items:\n%s\nwant:\n%s", n, got.String(), want.String())
		}
	}
	broken := errors.New("broken")
	for n := range 2 {
		ui, got, _ := Test()
		if err := JSONList(ui, "jobs", items(n, broken), rest{}); !errors.Is(err, broken) || json.Valid(got.Bytes()) || n == 0 && got.String() != "" {
			t.Errorf("after %d items: %v, %s", n, err, got.String())
		}
	}
}
