package image

import (
	"cmp"
	"net"
	"slices"
	"strings"

	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/run"
)

// proxies returns the proxy settings for builds, and names those that no build can reach: a step that waits for
// one does not say so.
func (b Builder) proxies() map[string]string {
	proxies := proxyArgs(b.Project.Settings.Environ())
	if names := loopback(proxies); len(names) > 0 {
		b.UI.Note("%s: a loopback address, which RUN steps cannot reach; fix: use an address that containers reach, or \"network: host\" in the build section",
			strings.Join(names, ", "))
	}
	return proxies
}

// proxyArgs returns proxy settings as build arguments, which BuildKit hands to RUN steps in both spellings,
// without a word of them in layers, history or cache keys. It takes any spelling, and with "Http_Proxy" a Dockerfile
// that declares "ARG HTTP_PROXY", which would write the value into the image's history, does not get it.
// HTTP_PROXY wins over http_proxy if both are set, as in Go.
func proxyArgs(environ []string) map[string]string {
	args := make(map[string]string)
	for _, name := range project.ProxyNames {
		if value := cmp.Or(run.Getenv(environ, name), run.Getenv(environ, strings.ToLower(name))); value != "" {
			kind := strings.ToLower(strings.TrimSuffix(name, "_PROXY"))
			args[strings.ToUpper(kind[:1])+kind[1:]+"_Proxy"] = value
		}
	}
	return args
}

func (d definition) proxy(proxies map[string]string) {
	for _, target := range d.Target {
		args, ok := target["args"].(map[string]any)
		if !ok {
			args = make(map[string]any)
		}
		own := make(map[string]bool)
		for name := range args {
			own[strings.ToLower(name)] = true
		}
		for name, value := range proxies {
			if !own[strings.ToLower(name)] {
				args[name] = escapeText(value)
			}
		}
		if len(args) > 0 {
			target["args"] = args
		}
	}
}

// loopback returns the names of proxies on a loopback address, which no RUN step reaches.
func loopback(proxies map[string]string) []string {
	var names []string
	for name, value := range proxies {
		host := proxyHost(value)
		if name != "No_Proxy" && (host == "localhost" || net.ParseIP(host).IsLoopback()) {
			names = append(names, strings.ToUpper(name))
		}
	}
	slices.Sort(names)
	return names
}

// proxyHost returns the host of a proxy's address. net/url would refuse common passwords.
func proxyHost(address string) string {
	if _, rest, found := strings.Cut(address, "://"); found {
		address = rest
	}
	address = address[strings.LastIndexByte(address, '@')+1:]
	address, _, _ = strings.Cut(address, "/")
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return strings.Trim(address, "[]")
}
