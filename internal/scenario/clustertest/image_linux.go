package main

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// pushPause makes the image in which each pod begins, and returns its name in the registry.
func (c *cluster) pushPause(ctx context.Context) (string, error) {
	program := filepath.Join(c.folder, "pause")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-o", program, "./internal/scenario/clustertest/pause")
	build.Dir, build.Env = c.checkout, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the program of pods: %w: %s", err, out)
	}
	text, err := os.ReadFile(program)
	if err != nil {
		return "", err
	}
	if err := c.until(ctx, func() error { return c.pushProgram(ctx, text) }); err != nil {
		return "", c.control.trouble(err, "registry")
	}
	return c.registry + "/pause:1", nil
}

// pushProgram pushes an image with one program, which it starts.
func (c *cluster) pushProgram(ctx context.Context, program []byte) error {
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	if err := w.WriteHeader(&tar.Header{Name: "pause", Mode: 0o755, Size: int64(len(program))}); err != nil {
		return err
	}
	if _, err := w.Write(program); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	type object map[string]any
	config, err := json.Marshal(object{
		"os": runtime.GOOS, "architecture": runtime.GOARCH,
		"config": object{"Entrypoint": []string{"/pause"}, "User": "65535:65535"},
		"rootfs": object{"type": "layers", "diff_ids": []string{digest(layer.Bytes())}},
	})
	if err != nil {
		return err
	}
	const kind = "application/vnd.oci.image."
	manifest, err := json.Marshal(object{
		"schemaVersion": 2, "mediaType": kind + "manifest.v1+json",
		"config": object{"mediaType": kind + "config.v1+json", "size": len(config), "digest": digest(config)},
		"layers": []object{{"mediaType": kind + "layer.v1.tar", "size": layer.Len(), "digest": digest(layer.Bytes())}},
	})
	if err != nil {
		return err
	}
	for _, blob := range [][]byte{layer.Bytes(), config} {
		location, err := c.send(ctx, http.MethodPost, "http://"+c.registry+"/v2/pause/blobs/uploads/", "", nil)
		if err != nil {
			return err
		}
		query := location.Query()
		query.Set("digest", digest(blob))
		location.RawQuery = query.Encode()
		if _, err := c.send(ctx, http.MethodPut, location.String(), "application/octet-stream", blob); err != nil {
			return err
		}
	}
	_, err = c.send(ctx, http.MethodPut, "http://"+c.registry+"/v2/pause/manifests/1", kind+"manifest.v1+json", manifest)
	return err
}

// send sends a request to the registry and returns the location that it answers with.
func (c *cluster) send(ctx context.Context, method, address, kind string, body []byte) (*url.URL, error) {
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", kind)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	_ = answer.Body.Close() // it is not read
	if answer.StatusCode >= http.StatusMultipleChoices {
		return nil, fmt.Errorf("%s %s: %s", method, address, answer.Status)
	}
	return answer.Location()
}

func digest(text []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(text)) }
