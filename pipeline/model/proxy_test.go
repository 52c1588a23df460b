package model

import (
	"net/http"
	"testing"
)

// TestProxiesAreThoseOfTheSettings asks the client's transport, which the download uses.
func TestProxiesAreThoseOfTheSettings(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://of.the.process.test:1") // not what is in force
	cases := []struct {
		environ   []string
		url, want string
	}{
		{nil, "https://packages.test/x", ""},
		{[]string{"HTTPS_PROXY=http://a.test:3128"}, "https://packages.test/x", "http://a.test:3128"},
		{[]string{"https_proxy=http://a.test:3128"}, "https://packages.test/x", "http://a.test:3128"},
		{[]string{"HTTPS_PROXY=http://a.test:1", "https_proxy=http://b.test:1"}, "https://packages.test/x", "http://a.test:1"},
		{[]string{"HTTPS_PROXY=http://a.test:1", "HTTPS_PROXY="}, "https://packages.test/x", ""},
		{[]string{"HTTP_PROXY=http://a.test:1"}, "https://packages.test/x", ""},
		{[]string{"HTTP_PROXY=a.test:1"}, "http://packages.test/x", "http://a.test:1"},
		{[]string{"HTTPS_PROXY=http://a.test:1", "NO_PROXY=packages.test"}, "https://packages.test/x", ""},
	}
	for _, c := range cases {
		client, err := newClient("", c.environ)
		if err != nil {
			t.Fatal(err)
		}
		transport, ok := client.Transport.(*http.Transport)
		if !ok {
			t.Fatalf("the transport is a %T", client.Transport)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		proxy, err := transport.Proxy(r)
		got := ""
		if proxy != nil {
			got = proxy.String()
		}
		if got != c.want || err != nil {
			t.Errorf("%q for %s: %q, %v; want %q", c.environ, c.url, got, err, c.want)
		}
	}
}
