// Package space is how much of the data folder's disk stays free: below that, workers take no song. So the disk is not filled to
// the last byte, which keeps records from being written and everything else on it from working.
package space

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/docker/go-units"

	"github.com/im2-audio/im2/pipeline/place"
)

// Setting is the setting. Empty is Default.
const Setting = "PIPELINE_MIN_FREE"

const (
	// defaultBytes and defaultPercent: the smaller one counts, so that a small disk can be used.
	defaultBytes   = 1 << 30
	defaultPercent = 2
	// warnTimes is at how many times the limit people are told that the disk fills up.
	warnTimes = 3
)

// A Limit is how much must be free: so many bytes, or so many percent of the disk, whatever is less. What is 0 does not count;
// the zero Limit lets a disk be filled.
type Limit struct {
	Bytes   int64
	Percent float64
}

// Default is the limit where nothing is set.
var Default = Limit{defaultBytes, defaultPercent}

var errForm = errors.New("it must be a size such as 2g or 500m, a share of the disk such as 5%, or 0 for no limit")

// Parse reads the value of the setting.
func Parse(text string) (Limit, error) {
	if text == "" {
		return Default, nil
	}
	if share, ok := strings.CutSuffix(text, "%"); ok {
		percent, err := strconv.ParseFloat(share, 64)
		if err != nil || !(percent >= 0 && percent < 100) { // also for what is no number
			return Limit{}, errForm
		}
		return Limit{Percent: percent}, nil
	}
	n, err := units.RAMInBytes(text)
	if err != nil || n < 0 {
		return Limit{}, errForm
	}
	return Limit{Bytes: n}, nil
}

// Of is how many bytes must be free of a disk that has size.
func (l Limit) Of(size int64) int64 {
	share := int64(float64(size) * l.Percent / 100)
	switch {
	case l.Percent == 0:
		return l.Bytes
	case l.Bytes == 0:
		return share
	}
	return min(l.Bytes, share)
}

// A Disk is what is known of the disk of a data folder, in bytes.
type Disk struct {
	Free int64 `json:"free_bytes"`
	Size int64 `json:"size_bytes"`
	// Least is how much must be free for workers to take songs.
	Least int64 `json:"least_free_bytes"`
	// Low says that they take none.
	Low bool `json:"low"`
}

// Look returns what is known of the disk that dir is on; nil where that has no size.
func (l Limit) Look(dir string) *Disk {
	free, size, known := place.Space(dir)
	if !known {
		return nil
	}
	least := l.Of(size)
	return &Disk{Free: free, Size: size, Least: least, Low: free < least}
}

// Warning says that the disk is nearly full, or too full for workers to take songs; "" where it is neither. d may be nil.
func (d *Disk) Warning() string {
	switch {
	case d == nil:
		return ""
	case d.Low:
		return fmt.Sprintf("the disk has %s free, less than the %s that %s keeps: workers take no song until there is room", place.Bytes(d.Free), place.Bytes(d.Least), Setting)
	case d.Free/warnTimes < d.Least:
		return fmt.Sprintf("the disk has %s free: below %s (%s), workers take no song", place.Bytes(d.Free), place.Bytes(d.Least), Setting)
	}
	return ""
}

// ErrLow is returned where less is free than must be.
var ErrLow = errors.New("no song is taken until there is room")

// Check returns an error that wraps ErrLow where less is free than must be. If it is not known, enough is.
func (l Limit) Check(dir string) error { return l.CheckFor(dir, 0) }

// CheckFor is Check for when so many more bytes are on the disk.
func (l Limit) CheckFor(dir string, more int64) error {
	d := l.Look(dir)
	if d != nil && !d.Low && d.Free-d.Least < more {
		return fmt.Errorf("the disk of the data folder has %s free, and %s more would leave less than the %s that %s keeps: %w; `mage prune` makes some", place.Bytes(d.Free), place.Bytes(more), place.Bytes(d.Least), Setting, ErrLow)
	}
	if d != nil && d.Low {
		return fmt.Errorf("the disk of the data folder has %s free, less than the %s that %s keeps: %w; `mage prune` makes some", place.Bytes(d.Free), place.Bytes(d.Least), Setting, ErrLow)
	}
	return nil
}
