package project_test

import (
	"errors"
	"testing"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
)

func TestHowItIsComputedIsChecked(t *testing.T) {
	t.Parallel()
	root := write(t, map[string]string{
		"docker-compose.yml": compose,
		".env":               "APP_USER_ID=1\nAPP_GROUP_ID=1\nDEMUCS_PROVIDER=rocm\nDEMUCS_THREADS=0\n",
	})
	s, err := project.ReadSettings(root, []string{"DEMUCS_MEMORY=low"})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		project.DemucsProvider: `DEMUCS_PROVIDER is "rocm" in .env:3: unknown provider "rocm": known are cpu, webgpu, cuda; fix: correct it there, or remove the line`,
		project.DemucsMemory:   "",
		project.DemucsThreads:  `DEMUCS_THREADS is "0" in .env:4: "0" is not a number of threads: set 1 to 128, or nothing for one per processor; fix: correct it there, or remove the line`,
		project.BaseImage:      "",
	} {
		err := s.Get(name).CheckExecution()
		var coded *exit.Error
		if (err != nil) != (want != "") || err != nil && (err.Error() != want || !errors.As(err, &coded) || coded.Code != exit.Unusable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	defaults, err := project.ReadSettings(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range project.ExecutionSettings {
		if err := defaults.Get(name).CheckExecution(); err != nil {
			t.Error(err)
		}
	}
}
