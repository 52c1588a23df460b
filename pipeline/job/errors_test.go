package job

import (
	"errors"
	"fmt"
	"io/fs"
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
