//go:build linux

package pages_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/im2-audio/im2/pipeline/job"
)

// hostile are names that pretend to be something else on a page.
var hostile = []string{
	`<script>alert(1)</script>`, `"><script src=//example.com/x.js></script>`, `<img src=x onerror=alert(1)>`, `"><img src="http://example.com/x.png">`,
	`<svg onload=alert(1)>`, `<iframe src=javascript:alert(1)>`, `<body onload=alert(1)>`, `<style>*{display:none}</style>`, `<link rel=stylesheet href=//example.com/x.css>`,
	`<meta http-equiv=refresh content="0;url=http://example.com/">`, `<base href=http://example.com/>`, `<form action=http://example.com/><input autofocus onfocus=alert(1)>`,
	`" autofocus onfocus="alert(1)`, `' onmouseover='alert(1)`, `javascript:alert(1)`, `data:text/html,<script>alert(1)</script>`, `</title></a></td></tr></table><h1>x`, `</textarea><!--`, `-->`, `]]>`,
	`{{.}}`, `${alert(1)}`, `&lt;script&gt;alert(1)&lt;/script&gt;`, `<template><script>alert(1)</script></template>`, "\u202egnp.exe", "\u2067\u05e9\u05d9\u05e8\u2069", "\u0634\u0639\u0631 <b>",
	"a\u200bb\ufeff", "\x1b[31mred\x07", "new\nline\r\nevent: x\r\n\r\ndata: <b>", "\u2028line", strings.Repeat("<b>", 80),
}

// shape is an expression for which elements, with which attributes, the page has, and how many of each.
const shape = `[...document.querySelectorAll('*')].reduce((n, e) => { const key = [e.localName, ...[...e.attributes].map((a) => a.name).sort()].join(' ');
	n[key] = (n[key] ?? 0) + 1; return n; }, {})`

// Hostile names are text on every list, also where it is shown again while somebody looks: each page has the elements that it has with
// harmless names. Nothing runs, and nothing is requested from elsewhere.
func TestHostileNamesAreText(t *testing.T) {
	t.Parallel()
	b := newTab(t)
	shapes := func(names []string) map[string]map[string]int {
		t.Helper()
		var songs []song
		for i, name := range names {
			songs = append(songs, song{name: fmt.Sprintf("song %d", i), title: name, stems: stems[:1], seconds: 1, made: []byte("none")})
		}
		s := newSite(t, songs...)
		put := func(number int, name string, stage job.Stage) {
			putJob(t, s.data, number, strings.ReplaceAll(name, "/", "\u2215"), stage, func(r *job.Record) { r.Error = name }) // "/" is in no name
		}
		for i, name := range names {
			put(i, name, job.Pending)
			put(len(names)+i, name, job.Failed)
		}
		found := make(map[string]map[string]int)
		look := func(page, item string, want int, says string) {
			t.Helper()
			b.until(fmt.Sprintf(`document.querySelectorAll(%q).length === %d`, item, want))
			if text := eval[string](b, `document.querySelector('main').textContent`); !strings.Contains(text, says) || strings.ContainsAny(text, "\x07\x1b\u200b\u202e\u2067\u2028\ufeff") {
				t.Errorf("the page %s says %q", page, text)
			}
			found[page] = eval[map[string]int](b, shape)
		}
		b.open(s.url+"/", 1440, 900)
		look("queue", "#live tbody tr", len(names)+10, names[2])
		put(2*len(names), names[0], job.Pending) // which the page shows by itself
		look("queue, later", "#live tbody tr", len(names)+11, names[2])
		b.open(s.url+"/library", 1440, 900)
		look("library", ".songs a", len(names), names[0])
		b.open(s.url+"/failed", 1440, 900)
		look("failed", "article", len(names), names[0])
		b.quiet("")
		return found
	}
	harmless := shapes(slices.Repeat([]string{"plain"}, len(hostile)))
	for page, got := range shapes(hostile) {
		if !maps.Equal(got, harmless[page]) {
			t.Errorf("the page %s has the elements %v; with harmless names it has %v", page, got, harmless[page])
		}
	}
}
