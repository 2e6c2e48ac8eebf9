package walk

import (
	"hash/maphash"
	"slices"
)

// set numbers keys in the order in which they come. With a map that has room a walk of 100,000 items took 1.13 to 1.25
// times as long as the decoder alone, with this 1.04 to 1.11.
type set struct {
	keys  []Key
	slots []uint64 // open addressing: half of a hash, and a number, counted from 1
	seed  maphash.Seed
}

// add returns the number of a key, counted from 0, and whether it is new.
func (s *set) add(key Key) (n int, fresh bool) {
	if 5*len(s.keys) >= 4*len(s.slots) {
		s.grow(2 * len(s.keys))
	}
	slot, half, n := s.find(key)
	if n >= 0 {
		return n, false
	}
	s.keys = append(s.keys, key)
	s.slots[slot] = half | uint64(len(s.keys))
	return len(s.keys) - 1, true
}

// find returns the slot of a key, or the empty one where it belongs, the half of its hash that a slot keeps, and its
// number, -1 if it has none.
func (s *set) find(key Key) (slot int, half uint64, n int) {
	const upper = 0xffffffff << 32
	hash := maphash.Bytes(s.seed, key[:])
	half = hash & upper
	mask := len(s.slots) - 1
	for slot = int(hash) & mask; ; slot = (slot + 1) & mask {
		entry := s.slots[slot]
		if entry == 0 {
			return slot, half, -1
		}
		if n = int(entry&^upper) - 1; entry&upper == half && s.keys[n] == key {
			return slot, half, n
		}
	}
}

// grow makes room for n keys.
func (s *set) grow(n int) {
	size := 64
	for 4*size <= 5*n {
		size *= 2
	}
	if size <= len(s.slots) {
		return
	}
	if s.slots == nil {
		s.seed = maphash.MakeSeed()
	}
	s.slots = make([]uint64, size)
	s.keys = slices.Grow(s.keys, max(n-len(s.keys), 0))
	for i, key := range s.keys {
		slot, half, _ := s.find(key)
		s.slots[slot] = half | uint64(i+1)
	}
}

func (s *set) len() int { return len(s.keys) }
