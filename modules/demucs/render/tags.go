package render

import (
	"strings"

	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/tags"
)

// tagsOf are the tags of the stem of that name: those of the song, and "Song (No Vocals)" as its title.
func (r *renderer) tagsOf(stem string) tags.Tags {
	title := r.Tags[tags.Title]
	if title == "" {
		return r.Tags
	}
	if stem == r.Instrumental {
		stem = options.OutputInstrumental
	}
	words := strings.Split(stem, "_")
	for i, word := range words {
		words[i] = strings.ToUpper(word[:1]) + word[1:]
	}
	return r.Tags.With(tags.Title, title+" ("+strings.Join(words, " ")+")")
}

// tagArgs make ffmpeg write tags into the file that it encodes. ID3v2.4 has its texts in UTF-8.
func (r *renderer) tagArgs(t tags.Tags) []string {
	var args []string
	mp3 := r.format.ext == options.MP3
	if mp3 {
		version := "0"
		if len(t) > 0 {
			version = "4"
		}
		args = append(args, "-id3v2_version", version)
	}
	for _, f := range tags.Fields {
		text := t[f.Name]
		if text == "" {
			continue
		}
		name := f.Name
		if mp3 && f.MP3 != "" {
			name = f.MP3
		}
		if number, total, found := strings.Cut(text, "/"); found && !mp3 && f.Totals != nil {
			args = append(args, "-metadata", f.Totals[0]+"="+total)
			text = number
		}
		args = append(args, "-metadata", name+"="+text)
	}
	return args
}

// tagChunks are the tags as a WAV file has them, nil for none: in INFO, which all programs read and which lacks some, and all of them
// in the chunk that Picard and other programs write. They go behind the samples, so that these begin where simple programs expect them.
func tagChunks(t tags.Tags) []byte { return append(infoChunk(t), id3Chunk(t)...) }

func infoChunk(t tags.Tags) []byte {
	info := []byte("INFO")
	for _, f := range tags.Fields {
		text := t[f.Name]
		if text == "" || f.RIFF == "" {
			continue
		}
		zeros := 2 - len(text)%2 // One ends it, and one more makes its length even: not every program knows of padding.
		info = append(appendChunk(info, f.RIFF, uint32(len(text)+zeros)), text...)
		info = append(info, make([]byte, zeros)...)
	}
	if len(info) == len("INFO") {
		return nil
	}
	return append(appendChunk(nil, "LIST", uint32(len(info))), info...)
}

// id3Chunk is an ID3v2.4 tag (https://id3.org/id3v2.4.0-structure), with its texts in UTF-8; nil for no tags. It is as in MP3 files.
func id3Chunk(t tags.Tags) []byte {
	const utf8 = "\x03"
	var frames []byte
	add := func(name, content string) {
		frames = append(appendSyncsafe(append(frames, name...), len(content)), 0, 0)
		frames = append(frames, content...)
	}
	for _, f := range tags.Fields {
		switch text := t[f.Name]; {
		case text == "":
		case f.ID3 != "":
			add(f.ID3, utf8+text)
		default:
			add("TXXX", utf8+f.MP3+"\x00"+text)
		}
	}
	if frames == nil {
		return nil
	}
	tag := append(appendSyncsafe([]byte("ID3\x04\x00\x00"), len(frames)), frames...)
	chunk := append(appendChunk(nil, "id3 ", uint32(len(tag))), tag...)
	return append(chunk, make([]byte, len(chunk)%2)...)
}

// appendSyncsafe appends 28 bits, in bytes of which none has its highest bit.
func appendSyncsafe(to []byte, n int) []byte {
	return append(to, byte(n>>21&0x7f), byte(n>>14&0x7f), byte(n>>7&0x7f), byte(n&0x7f))
}
