package render

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// flacHeader compares the length and the MD5 that a FLAC file has of its samples (RFC 9639, section
// 8.2) with those that were to be encoded.
func flacHeader(file io.ReaderAt, frames int64, sum []byte) error {
	const streamInfo, totalAt, sumAt = 8, 10, 18
	head := make([]byte, streamInfo+sumAt+16)
	if _, err := file.ReadAt(head, 0); err != nil || string(head[:4]) != "fLaC" || head[4]&0x7f != 0 {
		return errors.New("it has no header of a FLAC file")
	}
	info := head[streamInfo:]
	total := int64(binary.BigEndian.Uint64(info[totalAt:]) & (1<<36 - 1))
	if total != frames && total != 0 {
		return fmt.Errorf("it has %d frames; want %d", total, frames)
	}
	if !bytes.Equal(info[sumAt:], sum) {
		return errors.New("the MD5 of its samples is not that of what was encoded")
	}
	return nil
}

// mp3TagCRC is how many bytes of an MP3 file the checksum of its Info tag covers.
const mp3TagCRC = 190

// finishMP3 makes sure that players see the length that was encoded: the first frame of an MP3 file, its
// Info tag, says how many frames follow, and how many samples at the ends are none of the sound's
// (http://gabriel.mp3-tech.org/mp3infotag.html). LAME may add more than a frame at the end, of which
// ffmpeg writes down the last one only; then the rest is added to what the tag says. It also makes sure
// that as many bytes are there as the tag says.
func finishMP3(file *os.File, frames int64) error {
	head := make([]byte, 1024)
	n, err := file.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	head = head[:n]
	tag := bytes.Index(head, []byte("Info"))
	if tag < 0 {
		tag = bytes.Index(head, []byte("Xing"))
	}
	const countAt, bytesAt, delayAt, crcAt, tagSize = 8, 12, 141, 154, 156
	if tag < 4 || len(head) < max(tag+tagSize, mp3TagCRC) || head[0] != 0xff {
		return errors.New("it does not say how long it is")
	}
	perFrame := int64(576)
	if head[1]&0x18 == 0x18 { // MPEG 1
		perFrame = 1152
	}
	count := int64(binary.BigEndian.Uint32(head[tag+countAt:]))
	size := int64(binary.BigEndian.Uint32(head[tag+bytesAt:]))
	ends := head[tag+delayAt:][:3]
	delay, padding := int64(ends[0])<<4|int64(ends[1])>>4, int64(ends[1]&0x0f)<<8|int64(ends[2])
	more := count*perFrame - delay - padding - frames
	if more < 0 || more >= perFrame || padding+more >= 1<<12 {
		return fmt.Errorf("it plays for %d frames; want %d", frames+more, frames)
	}
	if more > 0 {
		padding += more
		ends[1], ends[2] = ends[1]&0xf0|byte(padding>>8), byte(padding)
		crc := head[tag+crcAt:][:2]
		clear(crc) // Below 32 kHz it is among the bytes that it covers, as zeros.
		binary.BigEndian.PutUint16(crc, crc16(head[:mp3TagCRC]))
		if _, err := file.WriteAt(head, 0); err != nil {
			return err
		}
	}
	info, err := file.Stat()
	if err == nil && info.Size() < size {
		err = fmt.Errorf("it has %d bytes, and says that it has %d", info.Size(), size)
	}
	return err
}

func crc16(data []byte) uint16 {
	var crc uint16
	for _, b := range data {
		crc ^= uint16(b)
		for range 8 {
			crc = crc>>1 ^ -(crc&1)&0xa001
		}
	}
	return crc
}
