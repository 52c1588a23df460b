// Package bundle makes the archive of a bug report: what was found on a machine and in a project, without
// secrets, and of a size that can be sent.
package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/im2-audio/im2/internal/safetext"
)

const (
	// MostPart and mostAll are how many bytes one part and all parts may have.
	MostPart = 512 << 10
	mostAll  = 8 << 20
)

const about = `This archive was made for a bug report of IM2. Look through it before you send it.

It has no audio, and no file of the data folder. Values of variables, secrets, configs, commands, labels and
build arguments, passwords in URLs, and words that look like keys are replaced by "` + redacted + `".

Parts:
`

// A Bundle collects parts.
type Bundle struct {
	Redactor
	// Name is its folder in the archive, and the file's name without extension.
	Name string

	now   time.Time
	parts []part
	size  int
	left  []string
}

type part struct{ name, text string }

// New returns an empty one for a project.
func New(project string, now time.Time) *Bundle {
	project = regexp.MustCompile(`[^\w.-]+`).ReplaceAllString(filepath.Base(project), "_")
	return &Bundle{Name: strings.TrimLeft(project, ".-") + "-bundle-" + now.Format("20060102-150405"), now: now}
}

// Add adds a part, without secrets. Of one that is too long, the first lines and, mostly, the last are kept; what is too much
// for the archive is left out, and named.
func (b *Bundle) Add(name, text string) { b.add(name, b.Text(short(text))) }

func (b *Bundle) add(name, text string) {
	text = safetext.Lines(text)
	if b.size+len(text) > mostAll {
		b.left = append(b.left, name)
		return
	}
	b.size += len(text)
	b.parts = append(b.parts, part{name, text})
}

// short leaves out lines in the middle of a long text.
func short(text string) string {
	if len(text) <= MostPart {
		return text
	}
	head, tail := text[:MostPart/8], text[len(text)-MostPart*7/8:]
	head = head[:strings.LastIndexByte(head, '\n')+1]
	_, tail, _ = strings.Cut(tail, "\n")
	return fmt.Sprintf("%s[%d bytes are left out]\n%s", head, len(text)-len(head)-len(tail), tail)
}

// AddJSON adds a part that is JSON, or why there is none.
func (b *Bundle) AddJSON(name string, value any, err error) {
	if err != nil {
		b.Add(name+".error", err.Error()+"\n")
		return
	}
	text, err := json.Marshal(value)
	var plain any
	if err == nil {
		in := json.NewDecoder(bytes.NewReader(text))
		in.UseNumber()
		err = in.Decode(&plain)
	}
	var shown bytes.Buffer
	if err == nil {
		out := json.NewEncoder(&shown)
		out.SetEscapeHTML(false)
		out.SetIndent("", "  ")
		err = out.Encode(b.texts(plain))
	}
	if err != nil {
		shown.WriteString(err.Error() + "\n")
	}
	b.add(name, short(shown.String()))
}

// texts is what JSON says, without secrets in its texts: it stays JSON.
func (b *Bundle) texts(value any) any {
	switch v := value.(type) {
	case string:
		return b.Text(v)
	case map[string]any:
		for name, value := range v {
			v[name] = b.texts(value)
		}
	case []any:
		for i := range v {
			v[i] = b.texts(v[i])
		}
	}
	return value
}

// Write makes the archive in a folder, for this user alone, and returns its path. Another file of its name is an error.
func (b *Bundle) Write(dir string) (string, error) {
	var archive bytes.Buffer
	if err := b.write(&archive); err != nil {
		return "", fmt.Errorf("making the archive: %w", err)
	}
	name := filepath.Join(dir, b.Name+".tar.gz")
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", fmt.Errorf("writing the archive: %w", err)
	}
	_, err = f.Write(archive.Bytes())
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		_ = os.Remove(name) // it is ours, and half
		return "", fmt.Errorf("writing the archive: %w", err)
	}
	return name, nil
}

func (b *Bundle) write(to io.Writer) error {
	var list strings.Builder
	list.WriteString(about)
	for _, p := range b.parts {
		list.WriteString("  " + p.name + "\n")
	}
	for _, name := range b.left {
		list.WriteString("  " + name + " is left out: there was too much\n")
	}
	zip := gzip.NewWriter(to)
	out := tar.NewWriter(zip)
	for _, p := range append([]part{{"README.txt", list.String()}}, b.parts...) {
		h := tar.Header{Name: path.Join(b.Name, p.name), Mode: 0o644, Size: int64(len(p.text)), ModTime: b.now, Typeflag: tar.TypeReg}
		if err := out.WriteHeader(&h); err != nil {
			return err
		}
		if _, err := io.WriteString(out, p.text); err != nil {
			return err
		}
	}
	if err := out.Close(); err != nil {
		return err
	}
	return zip.Close()
}

// A Tail keeps the last lines of what is written to it: whole ones, of MostPart bytes at most. Half of a line may have half of
// a secret, which nobody would know again.
//
// It may be both outputs of a command at once.
type Tail struct {
	mu   sync.Mutex
	text []byte
	cut  bool
}

// Write implements io.Writer.
func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if len(t.text) > 2*MostPart {
		t.text, t.cut = bytes.Clone(t.text[len(t.text)-MostPart:]), true
	}
	return len(p), nil
}

// String returns the lines; a command may not be writing meanwhile.
func (t *Tail) String() string {
	text := t.text
	if len(text) > MostPart {
		text, t.cut = text[len(text)-MostPart:], true
	}
	if t.cut {
		_, text, _ = bytes.Cut(text, []byte("\n"))
	}
	return string(text)
}
