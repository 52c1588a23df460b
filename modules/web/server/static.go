package server

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"path"
	"time"

	"github.com/im2-audio/im2/pipeline/look"
)

//go:embed static
var static embed.FS

// An asset is a file of the pages themselves.
type asset struct {
	text []byte
	// mark changes with its content, and is a part of its address.
	mark string
}

func readAssets() (map[string]asset, error) {
	entries, err := static.ReadDir("static")
	if err != nil {
		return nil, fmt.Errorf("reading what pages are made of: %w", err)
	}
	all := map[string]asset{"look.css": newAsset([]byte(look.Style))}
	for _, e := range entries {
		text, err := static.ReadFile(path.Join("static", e.Name()))
		if err != nil {
			return nil, fmt.Errorf("reading what pages are made of: %w", err)
		}
		all[e.Name()] = newAsset(text)
	}
	return all, nil
}

func newAsset(text []byte) asset {
	sum := sha256.Sum256(text)
	return asset{text, hex.EncodeToString(sum[:6])}
}

// assetAddress is where pages find a file of static/. The browser keeps it as long as that is the same.
func (s *Server) assetAddress(name string) (string, error) {
	a, ok := s.assets[name]
	if !ok {
		return "", fmt.Errorf("there is no static/%s", name)
	}
	return "/static/" + name + "?" + a.mark, nil
}

func (s *Server) staticFile(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	a, ok := s.assets[name]
	kind := mediaTypes[path.Ext(name)]
	if !ok || kind == "" {
		s.notFound(w, r)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("ETag", `"`+a.mark+`"`)
	if r.URL.RawQuery == a.mark {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		w.Header().Set("Cache-Control", "no-cache")
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.text))
}
