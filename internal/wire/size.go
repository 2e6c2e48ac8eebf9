package wire

import (
	"bytes"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	objectSize = 1 << 10 // bytes that an object of an array takes in a struct, with the growth of its slice
	valueSize  = 64      // bytes that any other value takes beside its text
)

// DecodedSize returns an upper bound in bytes for the memory that a JSON text takes as structs, and at most limit+1.
// Members with one of the raw names count only their text: they are kept as it, or not at all. The bound of a text that
// is no JSON ends at the fault.
func DecodedSize(data []byte, limit int64, raw ...string) int64 {
	dec := jsontext.NewDecoder(bytes.NewBuffer(data), fast)
	size := int64(len(data))
	for size <= limit {
		token, err := dec.ReadToken()
		if err != nil {
			break
		}
		switch kind := token.Kind(); kind {
		case '}', ']':
		case '"':
			size += valueSize
			// A name is followed by the value that belongs to it.
			if object, n := dec.StackIndex(dec.StackDepth()); object == '{' && n%2 == 1 && slices.Contains(raw, token.String()) {
				if err := dec.SkipValue(); err != nil {
					return size
				}
			}
		case '{', '[':
			size += valueSize
			if parent, _ := dec.StackIndex(dec.StackDepth() - 1); parent == '[' {
				size += objectSize
			}
		case 'n':
			size += valueSize
			if parent, _ := dec.StackIndex(dec.StackDepth()); parent == '[' {
				size += objectSize // null stands for an object too
			}
		default:
			size += valueSize
		}
	}
	return min(size, limit+1)
}
