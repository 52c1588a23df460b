package job

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"testing"
)

func TestJoinErrorsHasAnEnd(t *testing.T) {
	t.Parallel()
	if err := JoinErrors(nil, nil); err != nil {
		t.Errorf("JoinErrors of nothing = %v", err)
	}
	var errs []error
	for n := range 5000 {
		errs = append(errs, nil, fmt.Errorf("error %d", n))
	}
	errs = append(errs, fs.ErrExist)
	err := JoinErrors(errs...)
	if !errors.Is(err, fs.ErrExist) {
		t.Error("the last of many errors is not found")
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 11 || lines[9] != "error 9" || lines[10] != "and 4991 more errors" {
		t.Errorf("the text is %q", lines)
	}
	if got := JoinErrors(errs[:20]...).Error(); strings.Contains(got, "more") || !strings.HasSuffix(got, "\nerror 9") {
		t.Errorf("the text of ten is %q", got)
	}
}

func TestErrorsOfJobs(t *testing.T) {
	t.Parallel()
	plain := errors.New("plain")
	one := WithID("1", fmt.Errorf("one: %w", plain))
	two := fmt.Errorf("outer: %w", errors.Join(WithID("2", plain), fmt.Errorf("again: %w", one), plain, WithID("1", plain)))
	if WithID("1", nil) != nil || IDErrors(nil) != nil || IDErrors(plain) != nil || IDOf(plain) != "" {
		t.Error("an error about no job has one")
	}
	if !errors.Is(one, plain) || one.Error() != "one: plain" || IDOf(fmt.Errorf("x: %w", one)) != "1" {
		t.Errorf("one is %v of job %q", one, IDOf(one))
	}
	var ids []string
	for _, e := range IDErrors(two) {
		ids = append(ids, e.ID)
	}
	if strings.Join(ids, " ") != "2 1" || IDOf(two) != "" {
		t.Errorf("jobs = %v", ids)
	}
	many := make([]error, 2*errorsShown)
	for i := range many {
		many[i] = WithID(strconv.Itoa(i), plain)
	}
	if got := IDErrors(JoinErrors(many...)); len(got) != len(many) {
		t.Errorf("%d jobs of %d", len(got), len(many))
	}
}
