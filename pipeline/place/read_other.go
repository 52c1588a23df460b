//go:build !unix

package place

import "os"

const readFlags = os.O_RDONLY
