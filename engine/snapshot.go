package engine

// snapshots keeps states of recurrent layers as they were at the end of some
// blocks, named like the blocks. The oldest gives way. Only the engine's loop
// touches it.
type snapshots struct {
	first int32 // slot of the first one
	keys  []blockKey
	used  []int64 // when each was last used; 0 = empty
	byKey map[blockKey]int32
	clock int64
}

func newSnapshots(first, n int) *snapshots {
	return &snapshots{first: int32(first), keys: make([]blockKey, n), used: make([]int64, n), byKey: map[blockKey]int32{}}
}

// find returns the slot of a snapshot.
func (s *snapshots) find(k blockKey) (slot int32, ok bool) {
	i, ok := s.byKey[k]
	if !ok {
		return 0, false
	}
	s.clock++
	s.used[i] = s.clock
	return s.first + i, true
}

func (s *snapshots) has(k blockKey) bool {
	_, ok := s.byKey[k]
	return ok
}

// take gives the slot in which a new snapshot is to be kept. It reports false
// if there is one of that name, or no room for any.
func (s *snapshots) take(k blockKey) (slot int32, ok bool) {
	if len(s.keys) == 0 || s.has(k) {
		return 0, false
	}
	oldest := 0
	for i, t := range s.used {
		if t < s.used[oldest] {
			oldest = i
		}
	}
	if s.used[oldest] > 0 {
		delete(s.byKey, s.keys[oldest])
	}
	s.clock++
	s.keys[oldest], s.used[oldest] = k, s.clock
	s.byKey[k] = int32(oldest)
	return s.first + int32(oldest), true
}

func (s *snapshots) clear() {
	clear(s.byKey)
	clear(s.used)
}
