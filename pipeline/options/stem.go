package options

import (
	"slices"
	"strings"
)

// restPrefix begins the name of all that is not the one of two stems.
const restPrefix = "no_"

// Stems are the stems that any known model makes, in the order in which they are named
// everywhere. The first four are those of the default model.
func Stems() []string { return []string{"vocals", "drums", "bass", "other", "guitar", "piano"} }

// DefaultStems are those of the default model.
func DefaultStems() []string { return Stems()[:4] }

// inOrder returns stems in the order of Stems, unknown ones last. It returns nil for none.
func inOrder(stems []string) []string {
	if len(stems) == 0 {
		return nil
	}
	order := Stems()
	rank := func(stem string) int {
		if i := slices.Index(order, stem); i >= 0 {
			return i
		}
		return len(order)
	}
	sorted := slices.Clone(stems)
	slices.SortStableFunc(sorted, func(a, b string) int { return rank(a) - rank(b) })
	return sorted
}

// Names returns what the audio files of these options are called, without extension, when the
// model makes the stems known: the stems that were asked for in their order, or the two.
func (o Options) Names(known []string) []string {
	switch {
	case o.TwoStems != "":
		return []string{o.TwoStems, restPrefix + o.TwoStems}
	case len(o.Stems) > 0:
		return inOrder(o.Stems)
	default:
		return inOrder(known)
	}
}

// Files returns the names of the audio files of these options. Format must be set.
func (o Options) Files(known []string) []string {
	files := o.Names(known)
	for i := range files {
		files[i] += "." + o.Format
	}
	return files
}

// Recorded returns the names of the audio files of a job whose record says files: of one of an earlier
// version, which says nothing, those that every song had.
func Recorded(files []string) []string {
	if len(files) > 0 {
		return files
	}
	return Default().Files(DefaultStems())
}

// IsFile reports whether name is one that Files can return: who reads the name of a file in a
// record uses it for nothing else.
func IsFile(name string) bool {
	stem, ext, found := strings.Cut(name, ".")
	return found && slices.Contains(Stems(), strings.TrimPrefix(stem, restPrefix)) &&
		slices.Contains([]string{WAV, FLAC, MP3}, ext)
}
