package grammar

import (
	"container/heap"
	"fmt"
)

// compile checks the rules and lays them flat. start is the first rule.
func (b *builder) compile(start elem) (*Grammar, error) {
	if b.err != nil {
		return nil, b.err
	}
	heights := b.heights()
	if heights[start.index] < 0 {
		return nil, fmt.Errorf("grammar: nothing of finite length satisfies it")
	}
	if name, ok := b.leftRecursive(); ok {
		return nil, fmt.Errorf("grammar: rule %q: it begins with itself (left recursion)", name)
	}
	g := &Grammar{limits: b.limits, sets: b.sets}
	// The start rule is number 0.
	place := make([]int32, len(b.rules))
	order := make([]int, 0, len(b.rules))
	order = append(order, int(start.index))
	for i := range b.rules {
		if i != int(start.index) {
			order = append(order, i)
		}
	}
	for at, i := range order {
		place[i] = int32(at)
	}
	for _, i := range order {
		from, shortFrom := int32(len(g.alts)), int32(len(g.shorts))
		for _, alt := range b.rules[i].alts {
			h := altHeight(alt, heights)
			if h < 0 {
				continue // it can never end
			}
			at := int32(len(g.elems))
			g.alts = append(g.alts, at)
			if h == heights[i] {
				g.shorts = append(g.shorts, at)
			}
			for _, e := range alt {
				if e.kind == elemRule {
					e.index = place[e.index]
				}
				g.elems = append(g.elems, e)
			}
			g.elems = append(g.elems, elem{kind: elemEnd})
		}
		g.rules = append(g.rules, span{from, int32(len(g.alts))})
		g.short = append(g.short, span{shortFrom, int32(len(g.shorts))})
	}
	return g, nil
}

// altHeight is how much stack an alternative needs to come to its end; -1 = it never does.
func altHeight(alt []elem, heights []int) int {
	h := 0
	for i, e := range alt {
		if e.kind != elemRule {
			continue
		}
		if heights[e.index] < 0 {
			return -1
		}
		need := heights[e.index]
		if i < len(alt)-1 {
			need++
		}
		h = max(h, need)
	}
	return h
}

// heights gives each rule the least stack that it needs to end, -1 for those that never end. Rules are settled in the
// order of their heights, as in Knuth's generalisation of Dijkstra's algorithm (1977).
func (b *builder) heights() []int {
	type user struct{ rule, alt int }
	users := make([][]user, len(b.rules)) // who waits for a rule
	waits := make([][]int, len(b.rules))  // for how many rules an alternative waits
	out := make([]int, len(b.rules))
	var queue heightQueue
	for i, r := range b.rules {
		out[i] = -1
		waits[i] = make([]int, len(r.alts))
		for a, alt := range r.alts {
			for _, e := range alt {
				if e.kind == elemRule {
					waits[i][a]++
					users[e.index] = append(users[e.index], user{i, a})
				}
			}
			if waits[i][a] == 0 {
				heap.Push(&queue, heightItem{0, i})
			}
		}
	}
	for queue.Len() > 0 {
		it := heap.Pop(&queue).(heightItem)
		if out[it.rule] >= 0 {
			continue
		}
		out[it.rule] = it.height
		for _, u := range users[it.rule] {
			if waits[u.rule][u.alt]--; waits[u.rule][u.alt] == 0 && out[u.rule] < 0 {
				heap.Push(&queue, heightItem{altHeight(b.rules[u.rule].alts[u.alt], out), u.rule})
			}
		}
	}
	return out
}

type heightItem struct{ height, rule int }

type heightQueue []heightItem

func (q heightQueue) Len() int           { return len(q) }
func (q heightQueue) Less(i, j int) bool { return q[i].height < q[j].height }
func (q heightQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *heightQueue) Push(x any)        { *q = append(*q, x.(heightItem)) }
func (q *heightQueue) Pop() any {
	old := *q
	x := old[len(old)-1]
	*q = old[:len(old)-1]
	return x
}

// nullable tells which rules may be empty.
func (b *builder) nullable() []bool {
	type user struct{ rule, alt int }
	users := make([][]user, len(b.rules))
	waits := make([][]int, len(b.rules))
	out := make([]bool, len(b.rules))
	var ready []int
	mark := func(r int) {
		if !out[r] {
			out[r] = true
			ready = append(ready, r)
		}
	}
	for i, r := range b.rules {
		waits[i] = make([]int, len(r.alts))
		for a, alt := range r.alts {
			for _, e := range alt {
				if e.kind == elemRule {
					users[e.index] = append(users[e.index], user{i, a})
				}
				waits[i][a]++ // a set is waited for in vain
			}
			if waits[i][a] == 0 {
				mark(i)
			}
		}
	}
	for len(ready) > 0 {
		r := ready[len(ready)-1]
		ready = ready[:len(ready)-1]
		for _, u := range users[r] {
			if waits[u.rule][u.alt]--; waits[u.rule][u.alt] == 0 {
				mark(u.rule)
			}
		}
	}
	return out
}

// leftRecursive finds a rule that can call itself without reading a byte and with something left to do after it: its
// stack would grow for ever. A call in last place leaves nothing to do and is no fault.
func (b *builder) leftRecursive() (string, bool) {
	empty := b.nullable()
	type edge struct {
		to    int
		grows bool
	}
	edges := make([][]edge, len(b.rules))
	for i, r := range b.rules {
		for _, alt := range r.alts {
			for at, e := range alt {
				if e.kind == elemSet {
					break
				}
				edges[i] = append(edges[i], edge{int(e.index), at < len(alt)-1})
				if !empty[e.index] {
					break
				}
			}
		}
	}
	// Tarjan's strongly connected components, with a stack of our own.
	index, low, comp := make([]int, len(edges)), make([]int, len(edges)), make([]int, len(edges))
	var stack []int
	next, comps := 1, 1
	type frame struct{ v, edge int }
	for root := range edges {
		if index[root] != 0 {
			continue
		}
		frames := []frame{{root, 0}}
		for len(frames) > 0 {
			f := &frames[len(frames)-1]
			v := f.v
			if f.edge == 0 && index[v] == 0 {
				index[v], low[v] = next, next
				next++
				stack = append(stack, v)
			}
			if f.edge < len(edges[v]) {
				w := edges[v][f.edge].to
				f.edge++
				if index[w] == 0 {
					frames = append(frames, frame{w, 0})
				} else if comp[w] == 0 {
					low[v] = min(low[v], index[w])
				}
				continue
			}
			frames = frames[:len(frames)-1]
			if len(frames) > 0 {
				up := frames[len(frames)-1].v
				low[up] = min(low[up], low[v])
			}
			if low[v] == index[v] {
				for {
					w := stack[len(stack)-1]
					stack = stack[:len(stack)-1]
					comp[w] = comps
					if w == v {
						break
					}
				}
				comps++
			}
		}
	}
	for v := range edges {
		for _, e := range edges[v] {
			if e.grows && comp[v] == comp[e.to] {
				return b.rules[v].name, true
			}
		}
	}
	return "", false
}
