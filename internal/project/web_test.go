package project_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/project"
)

func TestThePagesAreOnOrOff(t *testing.T) {
	t.Parallel()
	const file = "x-im2: {data: ./data, web: pages}\nservices: {pages: {image: x, ports: [\"${WEB_ADDRESS:-127.0.0.1:8420}:8080\"]}, other: {image: x, depends_on: [pages]}}\n"
	ids := "APP_USER_ID=1\nAPP_GROUP_ID=1\n"
	for _, c := range []struct {
		name, compose, env, url string
		web                     bool
		services                []string
	}{
		{"on", file, "", "http://127.0.0.1:8420/", true, []string{"other", "pages"}},
		{"off", file, "IM2_WEB=off\n", "", true, []string{"other"}},
		{"elsewhere", file, "WEB_ADDRESS=[::1]:9\n", "http://[::1]:9/", true, []string{"other", "pages"}},
		{"removed", strings.Replace(file, "pages: {image", "gone: {image", 1), "IM2_WEB=off\n", "", false, []string{"gone", "other"}},
		{"another project", "services: {web: {image: x, ports: [\"80:80\"]}}\n", "IM2_WEB=off\n", "", false, []string{"web"}},
		{"on all addresses", "x-im2: {web: web}\nservices: {web: {image: x, ports: [\"80:80\"]}}\n", "", "http://127.0.0.1:80/", true, []string{"web"}},
		{"one of several ports", "x-im2: {web: web}\nservices: {web: {image: x, ports: [\"8000-8010:80\"]}}\n", "", "", true, []string{"web"}},
	} {
		compose := strings.Replace(c.compose, ", depends_on: [pages]", "", 1)
		if c.web {
			compose = c.compose
		}
		p, err := open(t, map[string]string{"docker-compose.yml": compose, ".env": ids + c.env})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if p.WebURL() != c.url || (p.Web != "") != c.web || p.WebOff() != (c.name == "off") || !slices.Equal(p.Services(), c.services) {
			t.Errorf("%s: %q at %q, off %t, of %q", c.name, p.Web, p.WebURL(), p.WebOff(), p.Services())
		}
	}
}

func TestSettingsOfThePagesAreChecked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, value, want string }{
		{project.Web, "on", ""},
		{project.Web, "off", ""},
		{project.Web, "no", `IM2_WEB is "no" in .env:1: it must be on or off; fix: correct it there, or remove the line`},
		{project.WebUpload, "on", ""},
		{project.WebUpload, "yes", `IM2_WEB_UPLOAD is "yes" in .env:1: it must be on or off; fix: correct it there, or remove the line`},
		{project.WebAddress, "", ""},
		{project.WebAddress, "127.0.0.1:8421", ""},
		{project.WebAddress, "[::1]:8421", ""},
		{project.WebAddress, "0.0.0.0:8420", "an address of this machine alone"},
		{project.WebAddress, "8420", "an address of this machine alone"},
		{project.WebAddress, "127.0.0.1:0", "an address of this machine alone"},
		{project.WebAddress, "localhost:8420", "an address of this machine alone"},
		{project.WebAddress, "192.168.1.2:8420", "an address of this machine alone"},
		{project.BaseImage, "x", ""},
	} {
		s, err := project.ReadSettings(write(t, map[string]string{".env": c.name + "=" + c.value + "\n"}), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.CheckWeb(c.name); (err != nil) != (c.want != "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s=%s: %v; want %q", c.name, c.value, err, c.want)
		}
	}
}

// A service that only reads may have one folder of the data folder to write in: it moves nothing. All others may not.
func TestOneFolderMayBeWritableForWhoOnlyReads(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, data, folder string
		divided            bool
	}{
		{"the folder itself", "./data:/data:ro", "./data/proofs:/data/proofs", false},
		{"in one that writes", "./data:/data", "./data/proofs:/data/proofs", true},
		{"another folder", "./data:/data:ro", "./data/other:/data/proofs", true},
		{"a volume", "./data:/data:ro", "vol:/data/proofs", true},
	} {
		p, err := open(t, map[string]string{
			"docker-compose.yml": "x-im2: {data: ./data, folders: [proofs]}\nvolumes: {vol: {}}\nservices: {web: {image: x, volumes: [\"" + c.data + "\", \"" + c.folder + "\"]}}\n",
			".env":               "APP_USER_ID=1\nAPP_GROUP_ID=1\n",
		})
		if err != nil {
			t.Fatal(err)
		}
		if problem, _ := p.Divided(); (problem != "") != c.divided {
			t.Errorf("%s: %q", c.name, problem)
		}
	}
}

// The service with the pages may write to the input folder if uploads are on, and then alone; no setting says otherwise.
func TestTheInputFolderIsWritableWithUploadsAlone(t *testing.T) {
	t.Parallel()
	compose, err := os.ReadFile("../../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	for env, want := range map[string]bool{
		"": true, "IM2_WEB_UPLOAD=off\n": true, "IM2_WEB_UPLOAD=on\n": false, "IM2_WEB_UPLOAD=maybe\n": true,
		"IM2_INPUT_READ_ONLY=false\n": true, "IM2_WEB_UPLOAD=on\nIM2_INPUT_READ_ONLY=true\n": false,
	} {
		p, err := open(t, map[string]string{"docker-compose.yml": string(compose), ".env": "APP_USER_ID=1\nAPP_GROUP_ID=1\n" + env})
		if err != nil {
			t.Fatal(err)
		}
		var writable []string
		for _, v := range p.Compose.Services["web"].Volumes {
			if !v.ReadOnly {
				writable = append(writable, v.Target)
			}
		}
		if readOnly := !slices.Contains(writable, "/pipeline-data/input"); readOnly != want || !slices.Contains(writable, "/pipeline-data/proofs") || slices.Contains(writable, "/pipeline-data") {
			t.Errorf("with %q, %v are writable", env, writable)
		}
		if problem, _ := p.Divided(); problem != "" {
			t.Errorf("with %q: %s", env, problem)
		}
	}
}

// One service has a network, and the webhook's address, which may be a secret; and it has little memory.
func TestTheServiceWithTheNetwork(t *testing.T) {
	t.Parallel()
	compose, err := os.ReadFile("../../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	p, err := open(t, map[string]string{"docker-compose.yml": string(compose), ".env": "APP_USER_ID=1\nAPP_GROUP_ID=1\nNOTIFY_URL=https://example.com/s3cret\n"})
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range p.Compose.Services {
		told := strings.Contains(strings.Join(values(s.Environment), " "), "s3cret")
		if web := name == "web"; told != web || (s.NetworkMode != "none") != web || (len(s.Ports) > 0) != web {
			t.Errorf("%s: told the address %t, network %q, ports %v", name, told, s.NetworkMode, s.Ports)
		}
		if name == "web" && s.MemLimit != 256<<20 {
			t.Errorf("it may have %d bytes of memory", s.MemLimit)
		}
	}
}

func values(environment map[string]*string) (all []string) {
	for _, value := range environment {
		if value != nil {
			all = append(all, *value)
		}
	}
	return all
}
