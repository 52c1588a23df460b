package image

import (
	"maps"
	"slices"
	"testing"
)

func TestProxyArguments(t *testing.T) {
	t.Parallel()
	cases := []struct {
		environ []string
		want    map[string]string
	}{
		{nil, map[string]string{}},
		{[]string{"HTTP_PROXY=", "PROXY=x", "HTTP_PROXY_X=y"}, map[string]string{}},
		{[]string{"http_proxy=a", "no_proxy=b"}, map[string]string{"Http_Proxy": "a", "No_Proxy": "b"}},
		{[]string{"https_proxy=a", "HTTPS_PROXY=b", "ALL_PROXY=c=d"}, map[string]string{"Https_Proxy": "b", "All_Proxy": "c=d"}},
		{[]string{"FTP_PROXY=old", "FTP_PROXY=new"}, map[string]string{"Ftp_Proxy": "new"}},
	}
	for _, c := range cases {
		if got := proxyArgs(c.environ); !maps.Equal(got, c.want) {
			t.Errorf("%q: got %q, want %q", c.environ, got, c.want)
		}
	}
}

func TestATargetsOwnProxyWins(t *testing.T) {
	t.Parallel()
	def := parse(t, `{"target":{"a":{"args":{"http_PROXY":"own","X":"y"}},"b":{},"c":{"args":{}}}}`)
	def.proxy(map[string]string{"Http_Proxy": "${p}"})
	want(t, def, `{"a":{"args":{"X":"y","http_PROXY":"own"}},"b":{"args":{"Http_Proxy":"$${p}"}},"c":{"args":{"Http_Proxy":"$${p}"}}}`)
	def = parse(t, `{"target":{"b":{}}}`)
	def.proxy(nil)
	want(t, def, `{"b":{}}`)
}

func TestLoopback(t *testing.T) {
	t.Parallel()
	for address, here := range map[string]bool{
		"http://127.0.0.1:3128": true, "localhost:8080": true, "http://u:p%zz@127.1.2.3": true, "socks5://[::1]:1080/": true,
		"http://proxy.test:3128": false, "http://127.0.0.1@proxy.test": false, "192.0.2.1:80": false, "::1": true,
	} {
		if got := loopback(map[string]string{"Http_Proxy": address, "No_Proxy": "localhost"}); slices.Equal(got, []string{"HTTP_PROXY"}) != here {
			t.Errorf("%q: %q", address, got)
		}
	}
}
