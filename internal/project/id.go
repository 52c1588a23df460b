package project

import (
	"errors"
	"fmt"
	"strconv"
)

// MaxID is the largest UID or GID that is accepted. 4294967295 is (uid_t)-1, which
// chown(2) reads as "leave it as it is"; 2147483647 and above are negative in the
// signed 32-bit integers that some archive formats and tools keep IDs in.
const MaxID = 2147483646

// ErrID is returned for text that is not a usable UID or GID.
var ErrID = errors.New("not a usable ID")

// ParseID reads a UID or GID in the one spelling that every tool reads alike: decimal
// digits without sign or leading zero, from 1 (0 is root) to MaxID.
func ParseID(text string) (uint32, error) {
	reason := func(why string) error { return fmt.Errorf("%w: %s", ErrID, why) }
	switch {
	case text == "":
		return 0, reason("it is empty, and an empty user means root to Docker")
	case !digits(text):
		return 0, reason("only the digits 0 to 9 are allowed")
	case text == "0":
		return 0, reason("0 is root, and no service may run as root")
	case text[0] == '0':
		return 0, reason("leading zeros are read as octal by some tools")
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n > MaxID {
		return 0, reason(fmt.Sprintf("it must not be above %d", MaxID))
	}
	return uint32(n), nil
}

func digits(text string) bool {
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
