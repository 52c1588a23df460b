package main

import (
	"fmt"
	"io"
	"os"

	"github.com/gabriel-vasile/mimetype"

	"github.com/im2-audio/im2/pipeline/audio"
)

// recognize decides by a file's content, whatever its name says, what it is and whether it may be a
// song. What nobody knows may be one: the worker's decoder will tell.
func recognize(f *os.File) (mediaType string, mayBe bool, err error) {
	head := make([]byte, audio.HeadSize)
	n, err := f.ReadAt(head, 0)
	if err != nil && n == 0 {
		return "", false, fmt.Errorf("recognizing: %w", err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", false, fmt.Errorf("recognizing: %w", err)
	}
	kind, err := mimetype.DetectReader(f)
	if err != nil {
		return "", false, fmt.Errorf("recognizing: %w", err)
	}
	mediaType, mayBe = audio.Recognize(head[:n], kind.String())
	return mediaType, mayBe, nil
}
