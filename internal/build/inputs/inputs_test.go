package inputs

import (
	"io/fs"
	"reflect"
	"testing"
)

// full is an Inputs with something in every field.
func full() Inputs {
	return Inputs{
		Service: "web", Project: "demo", Definition: "{}", Args: map[string]string{"A": "1"}, Platform: "linux/amd64",
		Dockerfile: "d", Ignore: "i", Images: map[string]string{"base": "sha256:1"}, Contexts: map[string]string{"c": "x"},
		Files: []File{{Path: "f", Mode: 0o644, Content: "y"}}, Newest: 1, Doubts: []string{"?"},
	}
}

func TestEveryFieldCountsButWhatIsNoInput(t *testing.T) {
	t.Parallel()
	for i := range reflect.TypeFor[Inputs]().NumField() {
		in := full()
		reflect.ValueOf(&in).Elem().Field(i).SetZero()
		name := reflect.TypeFor[Inputs]().Field(i).Name
		counts := name != "Newest" && name != "Doubts"
		if (in.Digest() != full().Digest()) != counts {
			t.Errorf("whether %s counts is not %v", name, counts)
		}
	}
	for i := range reflect.TypeFor[File]().NumField() {
		in := full()
		reflect.ValueOf(&in.Files[0]).Elem().Field(i).SetZero()
		if in.Digest() == full().Digest() {
			t.Errorf("a file's %s does not count", reflect.TypeFor[File]().Field(i).Name)
		}
	}
}

func TestNoTwoInputsHaveOneDigest(t *testing.T) {
	t.Parallel()
	nothing := string(make([]byte, 8)) // as the length of nothing is written
	digests := make(map[string]int)
	for i, in := range []Inputs{
		{},
		{Service: "ab"},
		{Service: "a", Definition: "b"},
		{Project: "a", Service: "b"},
		{Project: "ab"},
		{Project: "b", Service: "a"},
		{Service: "a" + nothing + "b"},
		{Service: "a", Definition: "b" + nothing},
		{Dockerfile: "x"},
		{Ignore: "x"},
		{Args: map[string]string{"a": "b"}},
		{Images: map[string]string{"a": "b"}},
		{Contexts: map[string]string{"a": "b"}},
		{Args: map[string]string{"a": "", "b": ""}},
		{Args: map[string]string{"ab": ""}},
		{Args: map[string]string{"a": "b", "c": ""}},
		{Files: []File{{Path: "a", Content: "b"}}},
		{Files: []File{{Path: "ab"}}},
		{Files: []File{{Path: "a"}, {Path: "b"}}},
		{Files: []File{{Path: "b"}, {Path: "a"}}},
		{Files: []File{{Path: "a", Content: "t"}}},
		{Files: []File{{Path: "a", Mode: fs.ModeSymlink, Content: "t"}}},
		{Files: []File{{Path: "a", Mode: 0o755}}},
		{Files: []File{{Path: "a", Mode: 0o644}}},
		{Files: []File{{Path: "a", Mode: fs.ModeSetuid | 0o755}}},
	} {
		digest := in.Digest()
		if other, taken := digests[digest]; taken {
			t.Errorf("number %d and number %d have the same digest", other, i)
		}
		digests[digest] = i
	}
}
