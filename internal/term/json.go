package term

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"iter"

	"github.com/im2-audio/im2/internal/safetext"
)

// JSON writes v as indented JSON to standard output.
func (u *UI) JSON(v any) error {
	text, err := indented(v, "")
	if err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	out := bufio.NewWriter(u.out)
	writeJSON(out, text)
	_ = out.WriteByte('\n')
	_ = out.Flush() // a closed pipe has no reader to tell
	return nil
}

// JSONLine writes v as one line of JSON to standard output.
func (u *UI) JSONLine(v any) error {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("writing the answer as JSON: %w", err)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	_, _ = u.out.Write(safetext.JSON(text.Bytes())) // a closed pipe has no reader to tell
	return nil
}

// JSONList writes a JSON object like JSON: with a list under this name, whose items are written one by one, so that only
// one of them is in memory, and with the fields of rest, an object that is not empty. After an error of a later item the
// object has no end.
func JSONList[T any](u *UI, name string, items iter.Seq2[T, error], rest any) error {
	fields, err := indented(rest, "")
	if err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	out := bufio.NewWriter(u.out)
	defer func() { _ = out.Flush() }() // A closed pipe has no reader to tell.
	between, end := fmt.Sprintf("{\n  %q: [\n    ", name), fmt.Sprintf("{\n  %q: []", name)
	for item, err := range items {
		if err != nil {
			return err
		}
		text, err := indented(item, "    ")
		if err != nil {
			return err
		}
		_, _ = io.WriteString(out, between)
		writeJSON(out, text)
		between, end = ",\n    ", "\n  ]"
	}
	_, _ = io.WriteString(out, end+",")
	writeJSON(out, bytes.TrimPrefix(fields, []byte("{")))
	_ = out.WriteByte('\n')
	return nil
}

func indented(v any, prefix string) ([]byte, error) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent(prefix, "  ")
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("writing the answer as JSON: %w", err)
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), nil
}

func writeJSON(out *bufio.Writer, text []byte) {
	for line := range bytes.Lines(text) { // an answer may be long
		_, _ = out.Write(safetext.JSON(line))
	}
}
