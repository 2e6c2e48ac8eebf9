package metlotest

// demo is a stand-in until the real one is written below.
func (st *store) demo() error { return nil }
