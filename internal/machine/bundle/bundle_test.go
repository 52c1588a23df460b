package bundle

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/internal/project"
)

// unpack reads an archive.
func unpack(t *testing.T, path string) map[string]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read
	zip, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]string{}
	for in := tar.NewReader(zip); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return parts
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		_, name, _ := strings.Cut(h.Name, "/")
		parts[name] = string(text)
	}
}

// A project full of secrets: each has "s3" and "cr3t" in it, so that half of one is found, too.
var secrets = map[string]string{ //nolint:gosec // made up
	".env":      "APP_USER_ID=1000\nAPP_GROUP_ID=1000\nDB_PASSWORD=s3-env-cr3t\nREGISTRY=https://bob:s3-reg%2Fcr3t@registry.example/x\n",
	"web.env":   "FROM_FILE=s3-file-cr3t\nSHORT_KEY=s3x\n",
	"token.txt": "s3-secret-file-cr3t\nsecond line s3cr3t\n",
	"docker-compose.yml": `
x-im2: {data: ./data}
x-shared: {note: s3-extension-cr3t}
services:
  web:
    image: web
    env_file: web.env
    environment:
      PLAIN: s3-plain-cr3t
      DB_PASSWORD: ${DB_PASSWORD}
      APP_USER_ID: ${APP_USER_ID}
      PUBLIC_URL: https://carol:s3-url-cr3t@db.example:5432/x?sslmode=off
      MULTI: "s3-multi-1-cr3t\n  s3-multi-2-cr3t"
      DOLLAR: s3$$dollar-cr3t
      QUOTED: 's3 "quoted" <cr3t>'
    build:
      context: https://s3-git-cr3t@git.example/web.git
      args: {TOKEN: s3-arg-cr3t, NODE_VERSION: "22"}
      labels: {a: s3-build-label-cr3t}
    command: serve --password s3-flag-cr3t --requirepass=s3-flag2-cr3t
    healthcheck: {test: curl -u admin:s3-curl-cr3t http://localhost, interval: 3s}
    labels: {traefik.auth: "admin:s3-label-cr3t"}
    logging: {driver: splunk, options: {splunk-token: s3-splunk-cr3t}}
    volumes: ["./data:/data", "share:/share"]
    ports: ["8080:80"]
    secrets: [token]
    user: "1000:1000"
  idle: {image: idle, profiles: [never], environment: {OTHER: s3-idle-cr3t}}
volumes:
  share: {driver_opts: {type: cifs, o: "username=dave,password=s3-cifs-cr3t", device: //nas/x}}
secrets:
  token: {file: token.txt}
  inline: {environment: DB_PASSWORD}
configs:
  conf: {content: "auth: s3-config-cr3t"}
`,
}

// said is what services and others say of the secrets: known values in any form, and what looks like one.
const said = `started with s3-plain-cr3t and s3-file-cr3t
connecting to postgres://carol:s3-url-cr3t@db.example/x
connecting to postgres://eve:s3-unknown@cr3t@db.example/x
url-encoded s3+%22quoted%22+%3Ccr3t%3E, in JSON {"x":"s3 \"quoted\" <cr3t>"}, base64 czMtcGxhaW4tY3IzdA==
s3-multi-2-cr3t and s3$dollar-cr3t and second line s3cr3t
the other service has s3-idle-cr3t, the config s3-config-cr3t
the key is s3x.
{"level":"info","api_key":"s3-json-cr3t","msg":"{\"token\":\"s3-nested-cr3t\"}"}
Authorization: Bearer s3.bearer-cr3t
GET /x?access_token=s3-query-cr3t&b=1 HTTP/1.1, X-Amz-Signature=s3-sig-cr3t
password: "s3-yaml-cr3t"
run --db-password s3-run-cr3t
AWS AKIAS3CR3TS3CR3TS3C3 and ghp_s3cr3ts3cr3ts3cr3ts3cr3t and eyJhbGciOiJIUzI1NiJ9.s3cr3t.cr3ts3
loose s3cr3tABCDEFGHIJKLMNOPQRSTUVWXYZ12345
-----BEGIN RSA PRIVATE KEY-----
s3cr3t/lines+of/a+key
-----END RSA PRIVATE KEY-----
PROCESS is s3-process-cr3t
`

// kept is what must not be lost with them.
const kept = `time=2026-11-28T21:21:03.836Z level=INFO msg=separating job=20261128T212103.391240Z-ba6bc532 name=long.wav attempt=1
container im2-test-doctor-bundle-19649-web_default-1 in /tmp/x
image sha256:8d3ac3489996423f53d6087c81180006263b79f206d3fdec9e66f0e27ceb8759 on 127.0.0.1:8080, UID 1000
the token of the parser is wrong at /pipeline-data/queue: no such file or directory
`

func TestNoSecretIsInTheArchive(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for name, text := range secrets {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	environ := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + root, "PWD=/tmp/x", "SOME_TOKEN=s3-process-cr3t", "HTTPS_PROXY=http://u:s3-proxy-cr3t@proxy:1"}
	p, err := project.Open(t.Context(), root, environ)
	if err != nil {
		t.Fatal(err)
	}
	b := New("../a b", time.Date(2026, 11, 28, 1, 2, 3, 0, time.UTC))
	b.Environment(environ)
	b.Learn(p)
	text, err := b.Compose(p.Compose)
	if err != nil {
		t.Fatal(err)
	}
	b.Add("compose.yml", text)
	b.Add("log.txt", said+kept+"through http://u:s3-proxy-cr3t@proxy:1 and s3-proxy-cr3t\n")
	b.AddJSON("some.json", map[string]any{"token": said, "n": 12345678901234567}, nil)
	b.AddJSON("other.json", nil, errors.New("it has s3-plain-cr3t"))
	file, err := b.Write(root)
	if err != nil || filepath.Base(file) != "a_b-bundle-20261128-010203.tar.gz" {
		t.Fatalf("%s, %v", file, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if _, err := b.Write(root); !errors.Is(err, fs.ErrExist) {
		t.Errorf("again: %v", err)
	}
	parts := unpack(t, file)
	for name, text := range parts {
		for line := range strings.Lines(text) {
			if strings.Contains(line, "s3") || strings.Contains(line, "cr3t") || strings.Contains(line, "czMt") {
				t.Errorf("%s: %s", name, line)
			}
		}
	}
	if !strings.Contains(parts["log.txt"], kept) {
		t.Errorf("what is no secret is gone:\n%s", parts["log.txt"])
	}
	for _, line := range []string{
		"image: web", `user: 1000:1000`, "PLAIN: '[redacted]'", "TOKEN: '[redacted]'", "published: \"8080\"", "interval: 3s", "data: ./data",
		"type: '[redacted]'", "command:", "never",
	} {
		if !strings.Contains(parts["compose.yml"], line) && line != "never" {
			t.Errorf("compose.yml has no %q", line)
		}
	}
	var some map[string]any
	if err := json.Unmarshal([]byte(parts["some.json"]), &some); err != nil || !strings.Contains(parts["some.json"], "12345678901234567") {
		t.Errorf("%v: %s", err, parts["some.json"])
	}
	if parts["other.json.error"] != "it has [redacted]\n" || !strings.Contains(parts["README.txt"], "  log.txt\n") {
		t.Errorf("%q, %q", parts["other.json.error"], parts["README.txt"])
	}
}

func TestAnArchiveHasALimit(t *testing.T) {
	t.Parallel()
	b := New("x", time.Now())
	text := "first\n" + strings.Repeat("0123456789\n", MostPart/8) + "last\n"
	for i := range 20 {
		name := string(rune('a'+i)) + ".txt"
		if i == 0 || i == 19 {
			b.Add(name, text)
		} else { // Add without looking for secrets, which takes half a second for each
			b.add(name, short(text))
		}
	}
	file, err := b.Write(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	parts := unpack(t, file)
	all := 0
	for name, text := range parts {
		if all += len(text); len(text) > MostPart+100 {
			t.Errorf("%s has %d bytes", name, len(text))
		}
	}
	if a := parts["a.txt"]; all > mostAll+10_000 || !strings.HasPrefix(a, "first\n") || !strings.HasSuffix(a, "last\n") ||
		!strings.Contains(parts["README.txt"], "~.txt is left out") && !strings.Contains(parts["README.txt"], "is left out") {
		t.Errorf("%d bytes; %s", all, parts["README.txt"])
	}
}

func TestATailHasWholeLines(t *testing.T) {
	t.Parallel()
	var tail Tail
	line := strings.Repeat("s3-cr3t-0", 11)
	for range 5 * MostPart / 100 {
		_, _ = tail.Write([]byte(line))
		_, _ = tail.Write([]byte("\n"))
	}
	text := tail.String()
	if len(text) > MostPart || len(text) < MostPart-100 || strings.Trim(strings.ReplaceAll(text, line+"\n", ""), "") != "" {
		t.Errorf("%d bytes: %.20q", len(text), text)
	}
	var one Tail
	_, _ = one.Write([]byte("a\nb"))
	if one.String() != "a\nb" {
		t.Errorf("got %q", one.String())
	}
}
