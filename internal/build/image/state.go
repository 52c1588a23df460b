package image

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"

	"github.com/im2-audio/im2/internal/build/inputs"
)

// Remembered is a file or folder for what is remembered of this project; "" where there is no
// place for one. Nothing there is needed, and it is outside of every build context.
func (b Builder) Remembered(name string) string {
	if b.Cache == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(b.Project.Root))
	return filepath.Join(b.Cache, "projects", hex.EncodeToString(sum[:8]), name)
}

func (b Builder) records() inputs.Records {
	return inputs.Records{Folder: b.Remembered("images")}
}
