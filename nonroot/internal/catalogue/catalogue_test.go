package catalogue

import (
	"slices"
	"strings"
	"testing"
)

// TestEntries reads the whole catalogue and checks what it says.
func TestEntries(t *testing.T) {
	all, err := load()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems(all) {
		t.Error(p)
	}
	names := make(map[string]bool)
	for _, e := range All() {
		names[e.Image] = true
	}
	if len(names) < 200 {
		t.Errorf("only %d images", len(names))
	}
	for i, r := range all { // each entry can be reached through a name and a tag of its own
		ref := strings.ReplaceAll(r.Image, "*", "x") + ":" + sample(r.Tags)
		got, ok := Find(ref)
		if ok == r.unknown || ok && (got.Source != r.Source || got.User != r.User || got.Tools != r.Tools) {
			t.Errorf("entry %d: Find(%q) is %+v, %v; want %+v", i, ref, got, ok, r)
		}
	}
}

// sample is a tag for one of the patterns.
func sample(tags []string) string {
	if len(tags) == 0 {
		return "latest"
	}
	return strings.Trim(strings.ReplaceAll(classes.ReplaceAllString(tags[0], "$1"), "*", "-"), "-")
}

// TestMistakes has an entry with a mistake of each kind.
func TestMistakes(t *testing.T) {
	const good = "- images: [a/b]\n  source: x, y\n"
	for _, tc := range []struct{ name, yaml, want string }{
		{"none", good, ""},
		{"no source", "- images: [a/b]\n", "no source"},
		{"field", good + "  colour: red\n", "field colour not found"},
		{"twice", good + good, "an entry before it"},
		{"general first", good + good + "  tags: [\"1*\"]\n", "an entry before it"},
		{"pattern first", "- images: [\"a/*\"]\n  source: x\n" + good, "an entry before it"},
		{"wide tags first", good + "  tags: [\"*alpine*\"]\n" + good + "  tags: [\"1-alpine\"]\n", "an entry before it"},
		{"narrow tags first", good + "  tags: [\"1-alpine\"]\n" + good + "  tags: [\"*alpine*\"]\n" + good, ""},
		{"registry", "- images: [docker.io/a/b]\n  source: x\n", "not the short name"},
		{"capitals", "- images: [a/B]\n  source: x\n", "not the short name"},
		{"tag in the name", "- images: [\"a/b:1\"]\n  source: x\n", "not the short name"},
		{"tag pattern", good + "  tags: [\"[\"]\n", "is no pattern"},
		{"empty tag", good + "  tags: [\"\"]\n", "is no pattern"},
		{"user", good + "  user: \"${UID}\"\n", `user "${UID}" is no user`},
		{"group", good + "  user: \"1:\"\n", `is no user`},
		{"root", good + "  user: \"0:0\"\n", "leave it out"},
		{"becomes root", good + "  becomes: root\n  runs: [x]\n", "leave it out"},
		{"becomes what", good + "  becomes: A B\n  runs: [x]\n", "is no user"},
		{"no command", good + "  becomes: b\n", "not with which command"},
		{"to nobody", good + "  script: entry.sh\n", "not which user it becomes"},
		{"caps of nobody", good + "  hardened: [CHOWN]\n", "not which user it becomes"},
		{"script path", good + "  script: /entry.sh\n  becomes: b\n  runs: [b]\n", "is a path"},
		{"script elsewhere", good + "  script: entry.sh\n  entrypoint: [/init]\n  becomes: b\n  runs: [b]\n", "not in its entrypoint"},
		{"own command", good + "  becomes: b\n  runs: [\"b*\"]\n  command: [c]\n", "not among"},
		{"runs", good + "  becomes: b\n  runs: [\"[\"]\n", "is no pattern"},
		{"user and root", good + "  user: b\n  becomes: c\n  runs: [b]\n", "gets rid of root"},
		{"nonRoot key", good + "  nonRoot: {users: b}\n", `nonRoot has "users"`},
		{"nonRoot user", good + "  nonRoot: {user: b c}\n", "is no user"},
		{"capability", good + "  becomes: b\n  runs: [b]\n  hardened: [CAP_CHOWN]\n", "is no capability"},
		{"capability order", good + "  becomes: b\n  runs: [b]\n  hardened: [SETUID, CHOWN]\n", "not sorted"},
		{"tools", good + "  tools: suse\n", `tools "suse"`},
		{"variable", good + "  env: {a-b: c}\n", "variable"},
		{"user's variable", good + "  userVars: [puid]\n", `variable "puid"`},
		{"unknown", good + "  unknown: true\n", "says something"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			all, err := parse([]byte(tc.yaml))
			found := problems(all)
			if err != nil {
				found = append(found, err.Error())
			}
			if tc.want == "" && len(found) > 0 {
				t.Errorf("finds %q", found)
			}
			if tc.want != "" && !slices.ContainsFunc(found, func(p string) bool { return strings.Contains(p, tc.want) }) {
				t.Errorf("finds %q, want %q", found, tc.want)
			}
		})
	}
}

// TestFind has references as people write them. "?" is an image that must stay unknown.
func TestFind(t *testing.T) { //nolint:funlen // a table of cases
	const digest = "@sha256:9b2c1f5a0e4d3c6b7a8f9e0d1c2b3a4f5e6d7c8b9a0f1e2d3c4b5a69788796a5"
	for _, tc := range []struct{ image, user, becomes, tools string }{
		{"postgres", "", "postgres", "debian"},
		{"postgres:16", "", "postgres", "debian"},
		{"postgres:16-alpine3.20", "", "postgres", "alpine"},
		{"docker.io/postgres:16", "", "postgres", "debian"},
		{"docker.io/library/postgres:16", "", "postgres", "debian"},
		{"index.docker.io/library/postgres:16", "", "postgres", "debian"},
		{"public.ecr.aws/docker/library/postgres:16-alpine", "", "postgres", "alpine"},
		{"localhost:5000/mirror/library/postgres:16", "", "postgres", "debian"},
		{"localhost:5000/postgres:16", "?", "", ""},
		{"example.com/postgres", "?", "", ""},
		{"me/postgres", "?", "", ""},
		{"postgres" + digest, "", "postgres", ""},
		{"postgres:16-alpine" + digest, "", "postgres", "alpine"},
		{"timescale/timescaledb:latest-pg16", "", "postgres", "alpine"},
		{"mysql:8.4", "", "mysql", ""},
		{"mariadb:11", "", "mysql", "debian"},
		{"mariadb:11-ubi9", "mysql", "", "rpm"},
		{"mariadb" + digest, "?", "", ""},
		{"mongo:7", "", "mongodb", "debian"},
		{"redis:7-alpine", "", "redis", "alpine"},
		{"valkey/valkey:8", "", "valkey", "debian"},
		{"rabbitmq:4-management-alpine", "", "rabbitmq", "alpine"},
		{"influxdb", "?", "", ""},
		{"influxdb:2.7", "", "influxdb", ""},
		{"influxdb:3-core", "influxdb3", "", "debian"},
		{"nginx:1.27-alpine-slim", "", "nginx", "alpine"},
		{"nginxinc/nginx-unprivileged:stable", "101", "", "debian"},
		{"haproxy:2.2", "", "", ""},
		{"haproxy:2.2-alpine", "", "", ""},
		{"haproxy:2.8", "haproxy", "", ""},
		{"php:8.4-cli", "", "", "debian"},
		{"php:8.4-fpm-alpine", "", "www-data", "alpine"},
		{"php:8.4-apache-bookworm", "", "www-data", "debian"},
		{"docker:27-dind", "", "", "alpine"},
		{"docker:27-dind-rootless", "rootless", "", "alpine"},
		{"prom/prometheus:v3.0.0", "nobody", "", ""},
		{"quay.io/prometheus/node-exporter", "nobody", "", ""},
		{"lscr.io/linuxserver/sonarr:latest", "", "abc", ""},
		{"linuxserver/radarr", "", "abc", ""},
		{"gcr.io/distroless/static-debian12", "", "", "none"},
		{"gcr.io/distroless/static-debian12:nonroot", "65532:65532", "", "none"},
		{"gcr.io/distroless/static-debian12:debug-nonroot", "65532:65532", "", ""},
		{"gcr.io/distroless/static-debian12:debug", "", "", ""},
		{"gcr.io/distroless/static-debian12" + digest, "?", "", ""},
		{"gcr.io/distroless/static-debian12:nonroot" + digest, "65532:65532", "", "none"},
		{"mcr.microsoft.com/dotnet/aspnet:9.0", "", "", ""},
		{"mcr.microsoft.com/dotnet/aspnet:10.0-noble-chiseled", "1654", "", "none"},
		{"mcr.microsoft.com/dotnet/aspnet:6.0", "", "", ""},
		{"mcr.microsoft.com/dotnet/aspnet:6.0-jammy-chiseled", "?", "", ""},
		{"mcr.microsoft.com/dotnet/aspnet:9.0-nanoserver-ltsc2022", "?", "", ""},
		{"mcr.microsoft.com/dotnet/samples", "?", "", ""},
		{"golang:1.24-windowsservercore-ltsc2022", "?", "", ""},
		{"hashicorp/vault:1.20", "", "vault", "alpine"},
		{"hashicorp/vault:1.20-ubi", "100", "", "rpm"},
		{"gitea/gitea:1.24", "", "git", "alpine"},
		{"gitea/gitea:1.24-rootless", "1000:1000", "", "alpine"},
		{"docker.elastic.co/elasticsearch/elasticsearch:9.1.0", "1000:0", "", ""},
		{"elasticsearch:7.17.0", "?", "", ""},
		{"bitnami/redis:7.4", "1001", "", ""},
		{"bitnami/moodle", "?", "", ""},
		{"grafana/grafana:12.0.0", "472", "", ""},
		{"pihole/pihole:2024.07.0", "?", "", ""},
		{"pihole/pihole:2025.03.0", "", "pihole", "alpine"},
		{"qdrant/qdrant:v1.15.0-unprivileged", "?", "", ""},
		{"jupyter/scipy-notebook", "1000", "", "debian"},
		{"quay.io/jupyter/base-notebook:latest", "1000", "", "debian"},
		{"node:22-alpine", "", "", "alpine"},
		{"im2/base:trixie", "", "", "debian"},
		{"Postgres", "?", "", ""},
		{"POSTGRES:16", "?", "", ""},
		{"postgres:", "?", "", ""},
		{"postgres:1 6", "?", "", ""},
		{"postgres@sha256:12", "?", "", ""},
		{"${IMAGE}", "?", "", ""},
		{"", "?", "", ""},
		{"scratch", "?", "", ""},
	} {
		e, ok := Find(tc.image)
		if want := tc.user != "?"; ok != want {
			t.Errorf("Find(%q): %v, want %v", tc.image, ok, want)
		} else if ok && (e.User != tc.user || e.Becomes != tc.becomes || e.Tools != tc.tools) {
			t.Errorf("Find(%q): user %q, becomes %q, tools %q; want %q, %q, %q",
				tc.image, e.User, e.Becomes, e.Tools, tc.user, tc.becomes, tc.tools)
		}
	}
}

// TestFindCopies checks that a caller cannot change what others get.
func TestFindCopies(t *testing.T) {
	e, _ := Find("postgres")
	e.Runs[0], e.NonRoot["user"], e.Hardened[0] = "x", "x", "x"
	All()[0].Source = "x"
	if again, _ := Find("postgres"); again.Runs[0] != "postgres" || again.NonRoot["user"] != "postgres" || again.Hardened[0] != "CHOWN" {
		t.Errorf("is now %+v", again)
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		if _, err := load(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFind(b *testing.B) {
	for b.Loop() {
		Find("redis:7-alpine")
	}
}
