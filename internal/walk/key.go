package walk

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// Key identifies an item within its list, in little memory.
type Key [16]byte

// UUIDKey returns the key of a UUID, ignoring case. Any other id has the key of its text.
func UUIDKey(id string) Key {
	if key, ok := ParseUUID(id); ok {
		return key
	}
	return TextKey(id)
}

// TextKey returns the key of an id that is compared as text.
func TextKey(id string) Key { return hash([]byte(id)) }

// ContentKey returns the key of an item without an id, from its content.
func ContentKey(content []byte) Key { return hash(content) }

func hash(data []byte) Key {
	sum := sha256.Sum256(data)
	return Key(sum[:16])
}

// copy returns the key of the nth item with the same content in one response; the first one has the key of the content.
func (k Key) copy(n int) Key {
	if n == 1 {
		return k
	}
	return hash(binary.AppendUvarint(k[:], uint64(n)))
}

// ParseUUID parses 8-4-4-4-12 hexadecimal digits.
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
