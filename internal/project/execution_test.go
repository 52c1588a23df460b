package project_test

import (
	"errors"
	"strings"
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

func TestSettingsOfServicesAreChecked(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		env  string
		want string
	}{
		{"", ""},
		{"PIPELINE_POLL=2s\nPIPELINE_LEASE=5m\nPIPELINE_RENEW=20s\n", ""},
		{"PIPELINE_POLL=soon\n", `PIPELINE_POLL is "soon" in .env:1: it must be a time such as 90s or 500ms; fix: correct it there, or remove the line`},
		{"PIPELINE_POLL=1m\n", `PIPELINE_POLL is "1m" in .env:1: it must be at most 10s, or the health check takes the service for one that hangs; fix: correct it there, or remove the line`},
		{"LOG_FORMAT=json\nPIPELINE_MIN_FREE=5%\n", ""},
		{"NOTIFY_URL=https://example.com/hook\n", ""},
		{"NOTIFY_URL=s3cret\n", `NOTIFY_URL in .env:1: it must be an address such as https://example.com/hook; fix: correct it there, or remove the line`},
		{"NOTIFY_URL=http://localhost:8000/s3cret\n", `NOTIFY_URL in .env:1: it names the container that tells the webhook; a receiver on this machine is host.docker.internal, as docs/web.md says; fix: correct it there, or remove the line`},
		{"PIPELINE_MIN_FREE=much\n", `PIPELINE_MIN_FREE is "much" in .env:1: it must be a size such as 2g or 500m, a share of the disk such as 5%, or 0 for no limit; fix: correct it there, or remove the line`},
		{"OUTPUT_LAYOUT=media\n", ""},
		{"OUTPUT_LAYOUT=plex\n", `OUTPUT_LAYOUT is "plex" in .env:1: it must be flat or media; fix: correct it there, or remove the line`},
		{"LOG_FORMAT=xml\n", `LOG_FORMAT is "xml" in .env:1: it must be text or json; fix: correct it there, or remove the line`},
		{"PIPELINE_LEASE=10s\n", `PIPELINE_LEASE is "10s" in .env:1: a lease of 10s that is renewed every 4s would be taken from workers that are only slow: it must last for at least 3 renewals, 12s; fix: correct it there, or remove the line`},
		{"PIPELINE_RENEW=30s\n", `PIPELINE_RENEW is "30s" in .env:1: a lease of 1m0s that is renewed every 30s would be taken from workers that are only slow: it must last for at least 3 renewals, 1m30s; fix: correct it there, or remove the line`},
		{"PIPELINE_LEASE=1m\nPIPELINE_RENEW=x\n", `PIPELINE_RENEW is "x" in .env:2: it must be a time such as 90s or 500ms; fix: correct it there, or remove the line`},
	} {
		s, err := project.ReadSettings(write(t, map[string]string{".env": tt.env}), nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, setting := range s.All() {
			if err := s.CheckService(setting.Name); err != nil {
				got = append(got, err.Error())
			}
		}
		if strings.Join(got, " and ") != tt.want {
			t.Errorf("%q: %q; want %q", tt.env, got, tt.want)
		}
	}
}
