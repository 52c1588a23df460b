package server

import (
	"fmt"
	"html/template"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/im2-audio/im2/pipeline/queue"
)

// mostShown is how many characters of a text of others a list shows.
const mostShown = 200

// functions are what templates can call. All texts of others go through "text" or "short", and what html/template does.
func (s *Server) functions() template.FuncMap {
	return template.FuncMap{
		"text":   printable,
		"short":  short,
		"asset":  s.assetAddress,
		"upload": func() bool { return s.uploads != nil },
		"ago":    func(t time.Time) string { return ago(s.now(), t) },
		"time":   func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"length": length,
		"path":   url.PathEscape, // html/template leaves "#" and "?" in a path as they are
		"add":    func(a, b int) int { return a + b },
	}
}

// printable makes a text of others one line of characters that can be seen: nothing in it turns the direction of text around, or
// hides what is beside it.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsPrint(r):
			return r
		case unicode.IsSpace(r):
			return ' '
		}
		return utf8.RuneError
	}, strings.ToValidUTF8(text, string(utf8.RuneError)))
}

// short is printable for a list: what is longer is cut.
func short(text string) string {
	text = printable(cutBytes(text, 4*mostShown))
	if utf8.RuneCountInString(text) <= mostShown {
		return text
	}
	return string([]rune(text)[:mostShown-1]) + "…"
}

// cutBytes keeps the first bytes of a text, so that no work is done for what is not shown.
func cutBytes(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "")
}

// ago is how long ago something was, for people; "" where that is not known.
func ago(now, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return queue.AgeText(max(0, now.Sub(t)))
}

// length is how long a song plays: "3:07", or "" where that is not known.
func length(seconds float64) string {
	if !(seconds > 0 && seconds < 1e7) {
		return ""
	}
	d := int(seconds + 0.5)
	if d >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", d/3600, d/60%60, d%60)
	}
	return fmt.Sprintf("%d:%02d", d/60, d%60)
}

var plainWord = regexp.MustCompile(`^[\w@%+=:,./-]+$`)

// word makes one argument of a command of a text, as a shell reads it. It is "" for a text that cannot be shown, and so not be
// copied from a page.
func word(text string) string {
	switch {
	case printable(text) != text:
		return ""
	case plainWord.MatchString(text):
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
