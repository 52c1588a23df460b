package project_test

import (
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
)

// texts adds the fields of a type, and of those in it, that can hold a text, as "Type.Field".
func texts(of reflect.Type, in string, all map[string]bool) {
	switch of.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		texts(of.Elem(), in, all)
	case reflect.Map:
		texts(of.Key(), in, all)
		texts(of.Elem(), in, all)
	case reflect.String, reflect.Interface:
		if in != "" {
			all[in] = true
		}
	case reflect.Struct:
		if all[of.Name()] {
			return
		}
		all[of.Name()] = true
		for i := range of.NumField() {
			if f := of.Field(i); f.IsExported() && f.Type != reflect.TypeFor[types.Extensions]() {
				texts(f.Type, of.Name()+"."+f.Name, all)
			}
		}
	}
}

// A field that is new in compose-go may name a file that Compose, Buildx or a target reads on this machine.
func TestAllFieldsThatNameFilesAreKnown(t *testing.T) {
	t.Parallel()
	found := make(map[string]bool)
	texts(reflect.TypeFor[types.Project](), "", found)
	texts(reflect.TypeFor[types.IncludeConfig](), "", found)
	maps.DeleteFunc(found, func(name string, _ bool) bool { return !strings.Contains(name, ".") })
	text, err := os.ReadFile("testdata/fields.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		name, read, _ := strings.Cut(strings.TrimSpace(line), " ")
		if strings.HasPrefix(line, "#") {
			continue
		}
		if !found[name] {
			t.Errorf("compose-go no longer has the field %s; fix: remove it from testdata/fields.txt", name)
		}
		delete(found, name)
		tested := name == "ExtendsConfig.File" || strings.HasPrefix(name, "IncludeConfig.") // by TestWhatIsTakenInIsNotInTheDataFolder
		for of := range inputs {
			tested = tested || of == name || strings.HasPrefix(of, name+",")
		}
		if tested != (read == "read") {
			t.Errorf("%s is %q in testdata/fields.txt, and has a test: %v", name, read, tested)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		t.Errorf("does a file on this machine decide what %s comes to? fix: add it to testdata/fields.txt, and where one does, to Project.inputs", name)
	}
}
