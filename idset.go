package metlo

import (
	"hash/maphash"
	"slices"
	"strings"
)

// idSet holds ids: a UUID in 16 bytes, any other as it is. In a map a new id costs more cache misses, which is 5 % of a
// long walk.
type idSet struct {
	uuids [][16]byte // in the order in which they came
	slots []uint64   // open addressing: half of a hash, and a place in uuids, counted from 1
	seed  maphash.Seed
	names map[string]struct{}
}

// add reports whether id is new.
func (s *idSet) add(id string) bool {
	if uuid, ok := parseUUID(id); ok {
		return s.addUUID(uuid)
	}
	if _, ok := s.names[id]; ok {
		return false
	}
	if s.names == nil {
		s.names = map[string]struct{}{}
	}
	s.names[strings.Clone(id)] = struct{}{}
	return true
}

func (s *idSet) addUUID(id [16]byte) bool {
	if 5*len(s.uuids) >= 4*len(s.slots) {
		s.grow(max(2*len(s.uuids), 32))
	}
	i, half, known := s.find(id)
	if known {
		return false
	}
	s.uuids = append(s.uuids, id)
	s.slots[i] = half | uint64(len(s.uuids))
	return true
}

// find returns the slot of id, or the empty one where it belongs, with the half of its hash that a slot keeps.
func (s *idSet) find(id [16]byte) (slot int, half uint64, known bool) {
	const upper = 0xffffffff << 32
	hash := maphash.Bytes(s.seed, id[:])
	half = hash & upper
	mask := len(s.slots) - 1
	for i := int(hash) & mask; ; i = (i + 1) & mask {
		entry := s.slots[i]
		if entry == 0 || (entry&upper == half && s.uuids[entry&^upper-1] == id) {
			return i, half, entry != 0
		}
	}
}

// grow makes room for n UUIDs.
func (s *idSet) grow(n int) {
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
	s.uuids = slices.Grow(s.uuids, max(n-len(s.uuids), 0))
	for place, id := range s.uuids {
		i, half, _ := s.find(id)
		s.slots[i] = half | uint64(place+1)
	}
}

func (s *idSet) len() int { return len(s.uuids) + len(s.names) }
