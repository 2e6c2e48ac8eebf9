package walk

// proof counts, for each response, the items that are known to have been in the list at its moment: those that were
// seen both not later and not earlier. If they are as many as the response's total, they are the list at that moment,
// and everything that was in it throughout has been seen. That holds as long as totals are true and no item leaves the
// list and comes back.
type proof struct {
	last   []int32 // number of the response that showed an item last, plus one, by item; 0 for none
	change []int   // difference in the number of known items from the previous response
	totals []int   // totals of the responses so far; -1 for those that prove nothing
	pass   int32   // first response of the current pass
}

func newProof() *proof { return &proof{change: make([]int, 2)} }

// saw records an item of the current response, and reports whether the pass saw it before.
func (p *proof) saw(item int) bool {
	if item >= len(p.last) {
		p.last = append(p.last, make([]int32, item+1-len(p.last))...)
	}
	now, from := int32(len(p.totals)), p.last[item]-1
	known := from >= 0 && from >= p.pass
	if from < 0 {
		from = now - 1
	}
	if from < now {
		p.change[from+1]++
		p.change[now+1]--
	}
	p.last[item] = now + 1
	return known
}

// next ends the response under way.
func (p *proof) next(total int) {
	p.totals = append(p.totals, total)
	p.change = append(p.change, 0)
}

// begin starts a pass.
func (p *proof) begin() { p.pass = int32(len(p.totals)) }

// missing returns the maximum number of lasting items that have not been seen; -1 without a total.
func (p *proof) missing() int {
	least, known := -1, 0
	for i, total := range p.totals {
		known += p.change[i]
		if total >= known && (least < 0 || total-known < least) {
			least = total - known
		}
	}
	return least
}
