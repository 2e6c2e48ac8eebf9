package walk

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
)

// Key tells an item from all others of its list, in little memory.
type Key [16]byte

// KeyOf is the key of an id: a UUID in its 16 bytes, any other by its hash.
func KeyOf(id string) Key {
	if key, ok := ParseUUID(id); ok {
		return key
	}
	return hash([]byte(id))
}

// KeyOfContent is the key of an item that has no id, of which write writes the content.
func KeyOfContent(write func(io.Writer) error) (Key, error) {
	content := sha256.New()
	err := write(content)
	return Key(content.Sum(nil)[:16]), err
}

func hash(data []byte) Key {
	sum := sha256.Sum256(data)
	return Key(sum[:16])
}

// copy is the key of the nth item of the same content in one response; the first one has the content's own.
func (k Key) copy(n int) Key {
	if n == 1 {
		return k
	}
	return hash(binary.AppendUvarint(k[:], uint64(n)))
}

// ParseUUID reads 8-4-4-4-12 hexadecimal digits.
func ParseUUID(s string) (key Key, ok bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return key, false
	}
	var digits [32]byte
	copy(digits[0:8], s[0:8])
	copy(digits[8:12], s[9:13])
	copy(digits[12:16], s[14:18])
	copy(digits[16:20], s[19:23])
	copy(digits[20:32], s[24:36])
	_, err := hex.Decode(key[:], digits[:])
	return key, err == nil
}
